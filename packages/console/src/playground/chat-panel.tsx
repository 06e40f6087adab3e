import { useEffect } from "preact/hooks";
import { Button } from "../design/button.tsx";
import type { Chat } from "./chat.ts";
import type { ChatView } from "./chat-view.ts";
import { Composer } from "./composer.tsx";
import { EmptyChat } from "./empty-chat.tsx";
import { useFollowScroll } from "./follow-scroll.ts";
import { closedNotice, type LinkState } from "./link-state.ts";
import { Messages } from "./messages.tsx";
import { Notice } from "./notice.tsx";
import { outcomeText } from "./outcome-text.ts";

interface ChatPanelProps {
  readonly chat: Chat;
  readonly handler: string;
  readonly link: LinkState;
}

export function ChatPanel({ chat, handler, link }: ChatPanelProps) {
  const view = chat.view.value;
  const pending = chat.pending.value;
  const scroll = useFollowScroll(`${view.position} ${pending.length}`);
  const isEmpty = view.entries.length === 0 && pending.length === 0;

  useStopOnEscape(chat);
  const say = (text: string) => {
    scroll.jumpToEnd();
    chat.say(text, handler);
  };

  return (
    <main class="chat">
      <div
        class="chat-scroll"
        ref={scroll.element}
        onScroll={scroll.onScroll}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable with the keyboard
        tabIndex={0}
        data-testid="chat-scroll"
      >
        <div class="chat-column">
          {isEmpty ? (
            <EmptyChat onPrompt={say} />
          ) : (
            <Messages
              view={view}
              pending={pending}
              isOnline={link.state === "online"}
              stopping={chat.stopping.value}
              onStop={(executionId) => chat.stop(executionId)}
              onRetry={() => chat.retry(handler)}
            />
          )}
        </div>
        <div class="chat-foot">
          <div class="chat-column">
            {scroll.isDetached && (
              <div class="jump">
                <Button testId="jump-to-end" onClick={scroll.jumpToEnd}>
                  Go to the end
                </Button>
              </div>
            )}
            <Notice text={closedNotice(link)} />
            <Notice text={chat.notice.value} onDismiss={() => chat.dismissNotice()} />
            <ChatComposer chat={chat} onSend={say} />
          </div>
        </div>
      </div>
    </main>
  );
}

function ChatComposer({ chat, onSend }: { readonly chat: Chat; readonly onSend: (text: string) => void }) {
  const running = chat.running.value.at(-1);
  return (
    <>
      <p class="visually-hidden" role="status" aria-live="polite" data-testid="answer-status">
        {answerStatus(chat.view.value)}
      </p>
      <Composer
        isRunning={running !== undefined}
        onSend={onSend}
        onStop={() => running !== undefined && chat.stop(running.executionId)}
      />
    </>
  );
}

/** For those who do not see the text grow: that the newest answer is being written, and how it ended. */
function answerStatus(view: ChatView): string {
  const newest = view.entries.findLast((entry) => entry.kind === "answer");
  if (newest?.kind !== "answer") return "";
  const isStartedOver = newest.attempt > 1 && newest.outcome.state === "running";
  return `Answer: ${isStartedOver ? "Started over. " : ""}${outcomeText(newest.outcome)}`;
}

function useStopOnEscape(chat: Chat): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const latest = chat.running.value.at(-1);
      if (event.key === "Escape" && !event.isComposing && latest !== undefined) chat.stop(latest.executionId);
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [chat]);
}
