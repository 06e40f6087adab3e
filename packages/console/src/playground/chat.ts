import { computed, signal } from "@preact/signals";
import type { Delivery, Subscription } from "@tachikoma/client";
import { applyDeliveries, type ChatView, EMPTY_VIEW, recordsBetween, runningAnswers } from "./chat-view.ts";
import type { Connection } from "./connection.ts";
import { conversationOf } from "./conversation.ts";
import { FrameBatch } from "./frame-batch.ts";

/** Something said here that the log does not show yet. */
export interface PendingMessage {
  readonly key: string;
  readonly text: string;
  /** Known when the log has taken it; it disappears from here when the view has come that far. */
  readonly position: string | undefined;
}

/** One chat: its channel folded into a view, and what a person may do in it. */
export class Chat {
  readonly view = signal<ChatView>(EMPTY_VIEW);
  readonly notice = signal<string | undefined>(undefined);
  /** Executions that were asked to stop here and have not stopped yet. */
  readonly stopping = signal<ReadonlySet<string>>(new Set());
  readonly running = computed(() => runningAnswers(this.view.value));
  readonly pending = computed(() => {
    const { position } = this.view.value;
    return this.#outbox.value.filter((message) => !isShown(message, position));
  });

  readonly #connection: Connection;
  readonly #channelName: string;
  readonly #subscription: Subscription;
  readonly #batch: FrameBatch<Delivery>;
  readonly #outbox = signal<readonly PendingMessage[]>([]);
  #sentCount = 0;

  constructor(connection: Connection, channelName: string) {
    this.#connection = connection;
    this.#channelName = channelName;
    this.#batch = new FrameBatch((deliveries) => {
      this.view.value = applyDeliveries(this.view.value, deliveries);
    });
    this.#subscription = connection.client.channel(channelName).subscribe({ since: "start" });
    this.#subscription.on("delivery", (delivery) => this.#batch.add(delivery));
    this.#subscription.on("reset", ({ reason }) => connection.log(`The log was reset: ${reason}`, "warn"));
    this.#subscription.on("closed", ({ error }) => {
      if (error !== undefined) this.notice.value = error.message;
    });
    this.#subscription.ready.catch((error: unknown) => this.#report(error));
  }

  /** Says something: to the running answer when there is one, otherwise as a question to the handler. */
  say(text: string, handler: string): void {
    const running = this.running.value.at(-1);
    if (running === undefined) this.#ask(text, handler);
    else this.#steer(running.executionId, text);
  }

  /** Runs the handler again on the conversation as it stands. */
  retry(handler: string): void {
    this.#execute(handler, conversationOf(this.view.value.entries));
  }

  stop(executionId: string): void {
    if (this.stopping.value.has(executionId)) return;
    this.stopping.value = new Set([...this.stopping.value, executionId]);
    const execution = this.#attach(executionId);
    execution
      .cancel()
      .then(({ status, error }) => {
        if (status === "rejected") this.#report(error ?? new Error("The server refused to stop the answer"));
      })
      .catch((error: unknown) => this.#report(error))
      .finally(() => {
        execution.detach();
        this.stopping.value = new Set([...this.stopping.value].filter((id) => id !== executionId));
      });
  }

  dismissNotice(): void {
    this.notice.value = undefined;
  }

  close(): void {
    this.#batch.clear();
    this.#subscription.unsubscribe();
  }

  #ask(text: string, handler: string): void {
    const conversation = conversationOf(this.view.value.entries);
    const unseen = this.pending.value.map((message) => ({ role: "user", content: message.text }));
    this.#publish(text, undefined);
    // Not after the receipt of the message: a refresh in between would leave a question that nobody answers.
    this.#execute(handler, [...conversation, ...unseen, { role: "user", content: text }]);
  }

  #execute(handler: string, messages: readonly unknown[]): void {
    const channel = this.#connection.client.channel(this.#channelName);
    const execution = channel.execute(handler, { messages }, { onUnwatched: "keep" });
    // The answer is read from the channel, like everybody else's.
    execution.id.then(
      () => execution.detach(),
      (error: unknown) => this.#report(error),
    );
  }

  #steer(executionId: string, text: string): void {
    this.#publish(text, executionId);
    const execution = this.#attach(executionId);
    execution
      .input({ text })
      .then(({ status, error }) => {
        if (status === "superseded") this.notice.value = "The answer ended before it read your message.";
        if (status === "rejected") this.#report(error ?? new Error("The server refused the message"));
      })
      .catch((error: unknown) => this.#report(error))
      .finally(() => execution.detach());
  }

  /** Only for a command: the records come through the subscription of the chat. */
  #attach(executionId: string) {
    return this.#connection.client.execution(executionId, { channel: this.#channelName, since: "head" });
  }

  #publish(text: string, steers: string | undefined): void {
    this.#sentCount += 1;
    const key = `pending-${this.#sentCount}`;
    this.#outbox.value = [...this.#outbox.value, { key, text, position: undefined }];
    const data = steers === undefined ? { role: "user", text } : { role: "user", text, steers };
    this.#connection.client
      .channel(this.#channelName)
      .publish(data)
      .then(({ position }) => {
        const { position: shownPosition } = this.view.value;
        this.#outbox.value = this.#outbox.value
          .map((message) => (message.key === key ? { ...message, position } : message))
          .filter((message) => !isShown(message, shownPosition));
      })
      .catch((error: unknown) => {
        this.#outbox.value = this.#outbox.value.filter((message) => message.key !== key);
        this.#report(error);
      });
  }

  #report(error: unknown): void {
    this.notice.value = error instanceof Error ? error.message : String(error);
  }
}

function isShown(message: PendingMessage, viewPosition: string | undefined): boolean {
  if (message.position === undefined || viewPosition === undefined) return false;
  return recordsBetween(viewPosition, message.position) <= 0;
}
