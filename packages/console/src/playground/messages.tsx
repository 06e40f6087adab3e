import { Component, type VNode } from "preact";
import { Button } from "../design/button.tsx";
import { AnswerParts, steeringText } from "./answer-parts.tsx";
import type { PendingMessage } from "./chat.ts";
import type { AnswerEntry, ChatView, Entry } from "./chat-view.ts";
import { outcomeText } from "./outcome-text.ts";

interface MessagesProps {
  readonly view: ChatView;
  readonly pending: readonly PendingMessage[];
  readonly isOnline: boolean;
  readonly stopping: ReadonlySet<string>;
  readonly onStop: (executionId: string) => void;
  readonly onRetry: () => void;
}

export function Messages({ view, pending, isOnline, stopping, onStop, onRetry }: MessagesProps) {
  const shown = view.entries.filter((entry) => !isPlacedInAnswer(entry, view.entries));
  const runningCount = shown.filter(isRunning).length;
  return (
    <ol class="messages" data-testid="messages">
      {shown.map((entry, index) => (
        <EntryView
          key={entry.key}
          entry={entry}
          isStopping={entry.kind === "answer" && stopping.has(entry.executionId)}
          hasOwnStop={runningCount > 1 && isRunning(entry)}
          hasRetry={index === shown.length - 1 && runningCount === 0 && isUnfinished(entry)}
          onStop={onStop}
          onRetry={onRetry}
        />
      ))}
      {pending.map((message) => (
        <li key={message.key} class="message message-user" data-pending="true" data-testid="pending-message">
          <div class="bubble">{message.text}</div>
          <p class="message-meta">{isOnline ? "Sending" : "Waiting for the connection"}</p>
        </li>
      ))}
    </ol>
  );
}

interface EntryProps {
  readonly entry: Entry;
  readonly isStopping: boolean;
  readonly hasOwnStop: boolean;
  readonly hasRetry: boolean;
  readonly onStop: (executionId: string) => void;
  readonly onRetry: () => void;
}

/** Rendered again only when something about its entry changed: entries keep their identity while others grow. */
class EntryView extends Component<EntryProps> {
  override shouldComponentUpdate(next: EntryProps): boolean {
    const { props } = this;
    return (
      next.entry !== props.entry ||
      next.isStopping !== props.isStopping ||
      next.hasOwnStop !== props.hasOwnStop ||
      next.hasRetry !== props.hasRetry
    );
  }

  override render(props: EntryProps): VNode {
    const { entry } = props;
    switch (entry.kind) {
      case "user":
        return (
          <li class="message message-user" data-testid="user-message">
            <div class="bubble">{entry.text}</div>
            {entry.steers !== undefined && (
              <p class="message-meta">Said while the answer was being written</p>
            )}
          </li>
        );
      case "foreign":
        return (
          <li class="message" data-testid="foreign-message">
            <pre class="foreign">{entry.text}</pre>
            <p class="message-meta">Put into the channel by other software</p>
          </li>
        );
      case "answer":
        return <AnswerView {...props} entry={entry} />;
    }
  }
}

function AnswerView({
  entry,
  isStopping,
  hasOwnStop,
  hasRetry,
  onStop,
  onRetry,
}: EntryProps & { readonly entry: AnswerEntry }) {
  const { executionId, outcome, content, handler, attempt } = entry;
  const isBad = outcome.state === "failed" || outcome.state === "interrupted";
  return (
    <li
      class="message message-answer"
      data-testid="answer"
      data-state={outcome.state}
      data-execution-id={executionId}
    >
      {attempt > 1 && (
        <p class="restart-mark" data-testid="restart-mark">
          Started over: the server that wrote it was lost
        </p>
      )}
      <AnswerParts parts={content.parts} />
      <p class="message-meta" data-tone={isBad ? "bad" : undefined}>
        {outcome.state === "running" && <span class="writing-mark" aria-hidden="true" />}
        <span data-testid="answer-outcome">{isStopping ? "Stopping" : outcomeText(outcome)}</span>
        <span
          class="mono"
          title={`Execution ${executionId}${handler === undefined ? "" : `, handler ${handler}`}`}
        >
          {executionId.slice(0, 8)}
        </span>
        {hasOwnStop && (
          <button
            type="button"
            class="quiet-button"
            data-testid="answer-stop"
            disabled={isStopping}
            onClick={() => onStop(executionId)}
          >
            Stop this one
          </button>
        )}
        {hasRetry && (
          <Button testId="answer-retry" onClick={onRetry}>
            Try again
          </Button>
        )}
      </p>
    </li>
  );
}

function isRunning(entry: Entry): boolean {
  return entry.kind === "answer" && entry.outcome.state === "running";
}

function isUnfinished(entry: Entry): boolean {
  return entry.kind === "answer" && entry.outcome.state !== "running" && entry.outcome.state !== "completed";
}

/** A message to a running answer moves to the place in the answer where it took effect, once the answer tells. */
function isPlacedInAnswer(entry: Entry, entries: readonly Entry[]): boolean {
  if (entry.kind !== "user" || entry.steers === undefined) return false;
  return entries.some(
    (other) =>
      other.kind === "answer" &&
      other.executionId === entry.steers &&
      other.content.parts.some((part) => steeringText(part) === entry.text),
  );
}
