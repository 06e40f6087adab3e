/** An execution as the stream of chunks that `useChat` reads. */
import { type AnswerStep, AnswerStream, type Chunk, laterTurn } from "@tachikoma/protocol";
import type { Execution } from "../api.ts";

export interface AnswerReadable {
  readonly stream: ReadableStream<Chunk>;
  /** Ends the stream where it is, for who does not want more of it. */
  end(): void;
  /** Ends the stream as a lost connection does. */
  fail(cause: Error): void;
}

export interface AnswerReadableOptions {
  readonly execution: Execution;
  /** The client adds it to a message that it has. */
  readonly isContinuation: boolean;
  /** Of the same message, given before it. @default nothing */
  readonly earlier?: readonly Chunk[];
  /** The stream has ended, however it did. */
  readonly onEnd: () => void;
}

export function answerReadable(options: AnswerReadableOptions): AnswerReadable {
  const { execution, isContinuation, earlier = [], onEnd } = options;
  const reader = new AnswerReader(execution, isContinuation);
  let controller!: ReadableStreamDefaultController<Chunk>;
  let isOver = false;
  const finish = (how: () => void) => {
    if (isOver) return;
    isOver = true;
    how();
    execution.detach();
    onEnd();
  };
  const stream = new ReadableStream<Chunk>({
    start: (given) => {
      controller = given;
      for (const chunk of earlier) controller.enqueue(chunk);
    },
    pull: async () => {
      try {
        const { chunks, state } = await reader.next();
        if (isOver) return;
        for (const chunk of earlier.length > 0 ? laterTurn(chunks) : chunks) controller.enqueue(chunk);
        if (state === "over") finish(() => controller.close());
        if (state === "void") finish(() => controller.error(lostError("what it has brought is void")));
      } catch (cause) {
        finish(() => controller.error(shownError(cause)));
      }
    },
    cancel: () => finish(() => undefined),
  });
  return {
    stream,
    end: () => finish(() => controller.close()),
    fail: (cause) => finish(() => controller.error(cause)),
  };
}

/** Steps of an answer, with at least one chunk or at its end. */
class AnswerReader {
  readonly #execution: Execution;
  readonly #isContinuation: boolean;
  #answer: AnswerStream | undefined;
  #chunks: AsyncIterator<Chunk, undefined>;
  #isReset = false;

  constructor(execution: Execution, isContinuation: boolean) {
    this.#execution = execution;
    this.#isContinuation = isContinuation;
    this.#chunks = execution[Symbol.asyncIterator]();
    execution.on("reset", () => {
      this.#isReset = true;
    });
  }

  async next(): Promise<AnswerStep> {
    for (;;) {
      const step = await this.#step();
      if (step.chunks.length > 0 || step.state !== "open") return step;
    }
  }

  async #step(): Promise<AnswerStep> {
    try {
      const { done, value } = await this.#chunks.next();
      const answer = await this.#begun();
      if (done !== true) return answer.take({ type: "chunk", chunk: value });
      const { outcome, usage, error, reason } = await this.#execution.ended;
      return answer.take({ type: "ended", outcome, usage, error, reason });
    } catch (cause) {
      if (!VOIDING_CODES.has(codeOf(cause))) throw cause;
      // Without its start it cannot be known what is left of the answer.
      if (this.#isReset) return { chunks: [], state: "void" };
      this.#chunks = this.#execution[Symbol.asyncIterator]();
      return (await this.#begun()).take({ type: "restarted" });
    }
  }

  async #begun(): Promise<AnswerStream> {
    if (this.#answer !== undefined) return this.#answer;
    const executionId = await this.#execution.id;
    this.#answer = new AnswerStream({ executionId, isContinuation: this.#isContinuation });
    this.#answer.take({ type: "started" });
    return this.#answer;
  }
}

/** What a loop over chunks throws when those that it has given do not hold any more. */
const VOIDING_CODES: ReadonlySet<unknown> = new Set(["EXECUTION_RESTARTED", "INVALID_POSITION"]);

/** `useChat` takes a failure for a lost connection, after which it asks for the answer again, by the class and the text of the error. */
export function lostError(why: string, cause?: unknown): TypeError {
  return new TypeError(`The network connection of the answer was lost: ${why}`, { cause });
}

function shownError(cause: unknown): unknown {
  return codeOf(cause) === "CONNECTION_CLOSED" ? lostError(String(cause), cause) : cause;
}

function codeOf(cause: unknown): unknown {
  return typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
}
