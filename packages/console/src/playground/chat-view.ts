/**
 * What the page shows of a chat, folded from the records of its channel and from nothing else: a refresh and a second tab
 * read the same log and therefore show the same.
 *
 *     message {role: "user", text}             -> a person's message (`steers`: said to a running answer)
 *     started, chunk ..., one terminal record  -> an answer
 *     restarted                                -> the answer so far is void; what follows is another attempt
 *     reset                                    -> everything so far is void; what follows builds it again
 */
import type { Delivery, ExecutionEnd, MessageDelivery } from "@tachikoma/client";
import { emptyMessage, type FoldedMessage, foldChunk, parsePosition, type Usage } from "@tachikoma/protocol";

export type Outcome = { readonly state: "running" } | EndedOutcome;

export interface EndedOutcome {
  readonly state: ExecutionEnd["outcome"];
  readonly usage: Usage;
  readonly error: ExecutionEnd["error"];
  readonly reason: ExecutionEnd["reason"];
}

export interface UserEntry {
  readonly kind: "user";
  readonly key: string;
  readonly text: string;
  /** The answer that was running when this was said to it. */
  readonly steers: string | undefined;
}

export interface AnswerEntry {
  readonly kind: "answer";
  readonly key: string;
  readonly executionId: string;
  /** Unknown when the start of the execution is no longer retained. */
  readonly handler: string | undefined;
  /** 2 when it started over because the server that wrote it was lost. */
  readonly attempt: number;
  readonly content: FoldedMessage;
  readonly outcome: Outcome;
}

/** A record that other software put into the channel. */
export interface ForeignEntry {
  readonly kind: "foreign";
  readonly key: string;
  readonly text: string;
}

export type Entry = UserEntry | AnswerEntry | ForeignEntry;

export interface ChatView {
  readonly entries: readonly Entry[];
  /** Of the last record folded in. */
  readonly position: string | undefined;
  readonly resetCount: number;
  /** Records of the log that the deliveries covered; a merged delivery covers several. */
  readonly recordCount: number;
  readonly deliveryCount: number;
  readonly mergedDeliveryCount: number;
  /** Deliveries of what was in the view already. */
  readonly duplicateCount: number;
}

export const EMPTY_VIEW: ChatView = {
  entries: [],
  position: undefined,
  resetCount: 0,
  recordCount: 0,
  deliveryCount: 0,
  mergedDeliveryCount: 0,
  duplicateCount: 0,
};

/** Folds a batch in one go: one copy of the list, however many records came since the last frame. */
export function applyDeliveries(view: ChatView, deliveries: readonly Delivery[]): ChatView {
  const draft = { ...view, entries: [...view.entries] };
  for (const delivery of deliveries) {
    if (delivery.type === "reset") {
      draft.entries = [];
      draft.resetCount += 1;
      draft.position = delivery.position;
      continue;
    }
    const coveredCount = recordsBetween(draft.position, delivery.position);
    if (coveredCount <= 0) {
      draft.duplicateCount += 1;
      continue;
    }
    draft.position = delivery.position;
    draft.recordCount += coveredCount;
    draft.deliveryCount += 1;
    if (coveredCount > 1) draft.mergedDeliveryCount += 1;
    foldInto(draft.entries, delivery);
  }
  return draft;
}

export function runningAnswers(view: ChatView): readonly AnswerEntry[] {
  return view.entries.filter(
    (entry): entry is AnswerEntry => entry.kind === "answer" && entry.outcome.state === "running",
  );
}

/** How many records lie between two positions of one log; zero or less when the second adds nothing. */
export function recordsBetween(known: string | undefined, arrived: string): number {
  const knownPosition = known === undefined ? undefined : parsePosition(known);
  const arrivedPosition = parsePosition(arrived);
  if (knownPosition === undefined || arrivedPosition === undefined) return known === arrived ? 0 : 1;
  return knownPosition.epoch === arrivedPosition.epoch ? arrivedPosition.seq - knownPosition.seq : 1;
}

function foldInto(entries: Entry[], delivery: Exclude<Delivery, { type: "reset" }>): void {
  switch (delivery.type) {
    case "message":
      entries.push(messageEntry(delivery));
      return;
    case "started":
      updateAnswer(entries, delivery.executionId, (answer) => ({ ...answer, handler: delivery.handler }));
      return;
    case "restarted":
      updateAnswer(entries, delivery.executionId, (answer) => ({
        ...answer,
        attempt: delivery.attempt,
        content: emptyMessage(delivery.executionId),
      }));
      return;
    case "chunk":
      updateAnswer(entries, delivery.executionId, (answer) => ({
        ...answer,
        content: foldChunk(answer.content, delivery.chunk),
      }));
      return;
    case "ended":
      updateAnswer(entries, delivery.executionId, (answer) => ({ ...answer, outcome: outcomeOf(delivery) }));
  }
}

/** Changes the answer of an execution; the first record seen of one makes it. */
function updateAnswer(
  entries: Entry[],
  executionId: string,
  change: (answer: AnswerEntry) => AnswerEntry,
): void {
  const index = entries.findLastIndex(
    (entry) => entry.kind === "answer" && entry.executionId === executionId,
  );
  const known = entries[index];
  if (known?.kind === "answer") {
    entries[index] = change(known);
    return;
  }
  entries.push(
    change({
      kind: "answer",
      key: `answer-${executionId}`,
      executionId,
      handler: undefined,
      attempt: 1,
      content: emptyMessage(executionId),
      outcome: { state: "running" },
    }),
  );
}

function messageEntry(delivery: MessageDelivery): Entry {
  const key = `message-${delivery.position}`;
  const { data } = delivery;
  if (typeof data === "object" && data !== null && "role" in data && data.role === "user" && "text" in data) {
    const steers = "steers" in data && typeof data.steers === "string" ? data.steers : undefined;
    return { kind: "user", key, text: String(data.text), steers };
  }
  return { kind: "foreign", key, text: typeof data === "string" ? data : JSON.stringify(data, undefined, 2) };
}

function outcomeOf(end: ExecutionEnd): Outcome {
  return { state: end.outcome, usage: end.usage, error: end.error, reason: end.reason };
}
