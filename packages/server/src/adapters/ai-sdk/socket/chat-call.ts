/**
 * One request of a socket, from its frame to its last answer.
 *
 *   opening --answer there--> streaming --ended--> done
 *      `--aborted: whatever is started is cancelled--^  `--aborted, socket lost--^
 */
import { parsePosition, TachikomaError } from "@tachikoma/protocol";
import type { Answer } from "../answer.ts";
import { SequencePage } from "../sequence-book.ts";
import type { ServerFrame } from "./chat-frame.ts";

export interface ChatCallPorts {
  send(frame: ServerFrame): void;
  /** Resolves when the socket takes more. */
  room(): Promise<void> | undefined;
  /** Remembers what the numbers of this stream stand for. */
  remember(page: SequencePage): void;
  /** True when the end of the answer was handed to the network. */
  ended(answer: Answer, isGiven: boolean): void;
  /** What is shown of a failure. */
  textOf(cause: unknown): string;
}

export interface ChatCallOptions {
  readonly requestId: string;
  readonly kind: "send" | "resume";
  readonly chatId: string;
  /** Of the first chunk. */
  readonly firstSequence: number;
  readonly open: () => Promise<Answer | undefined>;
}

export class ChatCall {
  readonly kind: ChatCallOptions["kind"];
  readonly chatId: string;
  /** The execution that is read; `undefined` when there is none. */
  readonly opened: Promise<string | undefined>;
  readonly #options: ChatCallOptions;
  readonly #ports: ChatCallPorts;
  readonly #answer: Promise<Answer | undefined>;
  #isClosed = false;

  constructor(options: ChatCallOptions, ports: ChatCallPorts) {
    this.kind = options.kind;
    this.chatId = options.chatId;
    this.#options = options;
    this.#ports = ports;
    this.#answer = options.open();
    this.opened = this.#answer.then(
      (answer) => answer?.executionId,
      () => undefined,
    );
  }

  /** Answers nothing more. The execution goes on. */
  close(): void {
    this.#isClosed = true;
    this.#answer.then(
      (answer) => answer?.close(),
      () => undefined,
    );
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { requestId } = this.#options;
    try {
      const answer = await this.#answer;
      if (this.#isClosed) return;
      if (answer === undefined) return this.#ports.send({ type: "no-active", requestId });
      if (this.kind === "resume") this.#ports.send({ type: "start", requestId });
      await this.#stream(answer);
    } catch (cause) {
      if (!this.#isClosed)
        this.#ports.send({ type: "error", requestId, errorText: this.#ports.textOf(cause) });
    }
  }

  async #stream(answer: Answer): Promise<void> {
    const { requestId, firstSequence } = this.#options;
    let sequence = firstSequence;
    let page: SequencePage | undefined;
    let isOver = false;
    try {
      for await (const { chunks, state, position } of answer.steps()) {
        if (state === "void") throw new TachikomaError("EXECUTION_RESTARTED", RESTARTED_TEXT);
        for (const chunk of chunks) {
          this.#ports.send({ type: "chunk", requestId, sequence, chunk });
          sequence += 1;
        }
        const place = parsePosition(position);
        if (chunks.length > 0 && place !== undefined) {
          if (page?.epoch !== place.epoch) {
            page = new SequencePage(answer.executionId, place.epoch);
            this.#ports.remember(page);
          }
          page.note(sequence - 1, place.seq);
        }
        isOver = state === "over";
        if (isOver) this.#ports.send({ type: "end", requestId });
        else await this.#ports.room();
      }
      if (!isOver && !this.#isClosed) throw new TachikomaError("STORE_UNAVAILABLE", "The answer broke off");
    } finally {
      answer.close();
      this.#ports.ended(answer, isOver && !this.#isClosed);
    }
  }
}

const RESTARTED_TEXT = "The answer was started anew: take it up again";
