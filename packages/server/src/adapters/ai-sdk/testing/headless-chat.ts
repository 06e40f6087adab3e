/** `useChat` without React: the SDK's own state machine, and waiting for what a test wants to see. */
import { AbstractChat, type ChatInit, type ChatOnFinishCallback, type ChatState, type UIMessage } from "ai";
import { AbstractChat as AbstractChat6 } from "ai-6";
import { within } from "../../../gateway/websocket/testing/deadline.ts";

class HeadlessState implements ChatState<UIMessage> {
  #status: ChatState<UIMessage>["status"] = "ready";
  #messages: UIMessage[];
  #error: Error | undefined;
  readonly #waiting: (() => void)[] = [];

  constructor(messages: UIMessage[]) {
    this.#messages = messages;
  }

  get status() {
    return this.#status;
  }
  set status(status) {
    this.#status = status;
    this.#changed();
  }
  get error() {
    return this.#error;
  }
  set error(error) {
    this.#error = error;
    this.#changed();
  }
  get messages() {
    return this.#messages;
  }
  set messages(messages) {
    this.#messages = messages;
    this.#changed();
  }
  pushMessage = (message: UIMessage) => {
    this.messages = [...this.messages, message];
  };
  popMessage = () => {
    this.messages = this.messages.slice(0, -1);
  };
  replaceMessage = (index: number, message: UIMessage) => {
    this.messages = this.messages.with(index, structuredClone(message));
  };
  snapshot = <Thing>(thing: Thing): Thing => structuredClone(thing);

  change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

type Finish = Parameters<ChatOnFinishCallback<UIMessage>>[0];

export class HeadlessChat extends AbstractChat<UIMessage> {
  readonly #state: HeadlessState;
  /** What `onFinish` was told. */
  readonly finishes: Finish[];

  constructor(init: ChatInit<UIMessage>) {
    const state = new HeadlessState(init.messages ?? []);
    const finishes: Finish[] = [];
    super({ ...init, state, onFinish: (finish) => finishes.push(finish) });
    this.#state = state;
    this.finishes = finishes;
  }

  /** The text of all answers so far. */
  get answer(): string {
    return answerOf(this.messages);
  }

  until(what: string, isThere: (chat: this) => boolean): Promise<void> {
    return until(this.#state, what, () => isThere(this));
  }
}

/** The same of the version before. */
export class HeadlessChat6 extends AbstractChat6<never> {
  readonly #state: HeadlessState;

  constructor(init: object) {
    const state = new HeadlessState([]);
    super({ ...init, state: state as never });
    this.#state = state;
  }

  get answer(): string {
    return answerOf(this.messages);
  }

  until(what: string, isThere: (chat: this) => boolean): Promise<void> {
    return until(this.#state, what, () => isThere(this));
  }
}

async function until(state: HeadlessState, what: string, isThere: () => boolean): Promise<void> {
  const look = async () => {
    while (!isThere()) await state.change();
  };
  try {
    await within(what, look());
  } catch (cause) {
    const { status, error, messages } = state;
    throw new Error(`${String(cause)}; seen: ${JSON.stringify({ status, error: error?.message, messages })}`);
  }
}

function answerOf(messages: readonly UIMessage[]): string {
  const parts = messages.filter(({ role }) => role === "assistant").flatMap((message) => message.parts);
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}
