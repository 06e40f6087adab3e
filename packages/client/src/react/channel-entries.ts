import { emptyMessage, type FoldedMessage, MessageFold, textOf } from "@tachikoma/protocol";
import type { ChunkDelivery, Delivery, ExecutionEnd, ExecutionStatus, MessageDelivery } from "../api.ts";

export type MessageEntry = MessageDelivery;

/** An execution, where it began in its channel. */
export interface ExecutionEntry {
  readonly type: "execution";
  /** Of the first record that is known of it. */
  readonly position: string;
  readonly executionId: string;
  /** Unknown when its beginning is not retained, or was before the subscription. */
  readonly handler?: string;
  readonly sender?: string;
  readonly status: Exclude<ExecutionStatus, "starting">;
  /** What it has written so far. */
  readonly message: FoldedMessage;
  /** The text of the message. */
  readonly text: string;
  /** False when its beginning is missing. */
  readonly isWhole: boolean;
  readonly end?: ExecutionEnd;
}

export type ChannelEntry = MessageEntry | ExecutionEntry;

type Begun = Pick<ExecutionEntry, "position" | "executionId" | "handler" | "sender" | "isWhole">;

/** Folds what a channel delivers into what is shown of it: messages and executions in the order in which they began. */
export class ChannelEntries {
  readonly #maxCount: number;
  #items: (MessageEntry | GrowingExecution)[] = [];
  readonly #executions = new Map<string, GrowingExecution>();

  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  /** Does not change when more is taken. What has not changed is the same object as before. */
  get list(): readonly ChannelEntry[] {
    return this.#items.map((item) => (item instanceof GrowingExecution ? item.entry : item));
  }

  take(delivery: Delivery): void {
    switch (delivery.type) {
      case "message":
        this.#add(delivery);
        return;
      case "reset":
        this.#items = [];
        this.#executions.clear();
        return;
      case "started":
        this.#begin(delivery);
        return;
      case "restarted":
        this.#executionOf(delivery).startOver();
        return;
      case "chunk":
        this.#executionOf(delivery).add(delivery.chunk);
        return;
      case "ended":
        this.#executionOf(delivery).ended(delivery);
    }
  }

  #begin({ position, executionId, handler, sender }: Delivery & { readonly type: "started" }): void {
    // After a failover there may be rests of it from before its start: they are void.
    const rests = this.#executions.get(executionId);
    if (rests !== undefined) this.#items = this.#items.filter((item) => item !== rests);
    const begun = { position, executionId, handler, isWhole: true, ...(sender !== undefined && { sender }) };
    this.#add(new GrowingExecution(begun));
  }

  #executionOf({
    executionId,
    position,
  }: Exclude<Delivery, MessageDelivery> & ExecutionRecord): GrowingExecution {
    const known = this.#executions.get(executionId);
    if (known !== undefined) return known;
    const begun = new GrowingExecution({ position, executionId, isWhole: false });
    this.#add(begun);
    return begun;
  }

  #add(item: MessageEntry | GrowingExecution): void {
    this.#items.push(item);
    if (item instanceof GrowingExecution) this.#executions.set(item.executionId, item);
    if (this.#items.length <= this.#maxCount) return;
    const dropped = this.#items.shift();
    if (dropped instanceof GrowingExecution) this.#executions.delete(dropped.executionId);
  }
}

type ExecutionRecord = Pick<ChunkDelivery, "executionId" | "position">;

class GrowingExecution {
  readonly executionId: string;
  #begun: Begun;
  #fold = new MessageFold(emptyMessage());
  #end: ExecutionEnd | undefined;
  #entry: ExecutionEntry | undefined;

  constructor(begun: Begun) {
    this.executionId = begun.executionId;
    this.#begun = begun;
  }

  get entry(): ExecutionEntry {
    const { message } = this.#fold;
    this.#entry ??= {
      type: "execution",
      ...this.#begun,
      status: this.#end?.outcome ?? "running",
      message,
      text: textOf(message),
      ...(this.#end !== undefined && { end: this.#end }),
    };
    return this.#entry;
  }

  add(chunk: ChunkDelivery["chunk"]): void {
    this.#fold.add(chunk);
    this.#entry = undefined;
  }

  /** Another server runs it from its beginning. */
  startOver(): void {
    this.#begun = { ...this.#begun, isWhole: true };
    this.#fold = new MessageFold(emptyMessage());
    this.#entry = undefined;
  }

  ended(end: ExecutionEnd): void {
    this.#end = end;
    this.#entry = undefined;
  }
}
