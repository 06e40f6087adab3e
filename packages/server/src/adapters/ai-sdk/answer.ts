/** One answer on its way to one client: read from its channel, from its beginning, until it has ended. */
import {
  type AnswerEvent,
  type AnswerStep,
  AnswerStream,
  earlierTurn,
  laterTurn,
  parsePosition,
} from "@tachikoma/protocol";
import type { ChannelFrame, ChannelReader } from "../../core/requests/channel-reader.ts";
import { answerEventOf } from "./answer-event.ts";

export interface AnswerOptions {
  readonly executionId: string;
  readonly channel: string;
  /** Stands before the first record of the execution. */
  readonly reader: ChannelReader;
  /** The client adds it to a message that it has. */
  readonly isContinuation: boolean;
  /** Those that wrote the same message, the oldest first and the execution last: the reader stands before the first. @default it alone */
  readonly turns?: readonly Turn[];
  /** The reader stands behind what the client has of this execution, and not before its first record. @default false */
  readonly isBegun?: boolean;
  /** Where its last record is at the latest, when it has ended: what is not there by then is not retained. */
  readonly lastSeq: number | undefined;
}

/** One execution of those that write a message. */
export interface Turn {
  readonly executionId: string;
  /** What it wrote up to there is void. */
  readonly afterSeq: number;
}

export interface AnswerPiece extends AnswerStep {
  /** Of the last record that it covers, in wire form. */
  readonly position: string;
}

export class Answer {
  readonly executionId: string;
  readonly channel: string;
  readonly #options: AnswerOptions;
  readonly #stream: AnswerStream;
  /** Those that have not been read to their end. */
  readonly #turns: Turn[];
  #earlierStream: AnswerStream | undefined;
  #isFirstTurn = true;

  constructor(options: AnswerOptions) {
    this.#turns = [...(options.turns ?? [])];
    this.#options = options;
    this.executionId = options.executionId;
    this.channel = options.channel;
    this.#stream = new AnswerStream(options);
  }

  /** Ends after a step that is not `open`, and without one when it is closed. To be called once. @throws STORE_UNAVAILABLE */
  async *steps(): AsyncGenerator<AnswerPiece, void, undefined> {
    const { reader, lastSeq } = this.#options;
    if (lastSeq === 0) {
      yield { ...this.#notRetained(), position: "" };
      return;
    }
    for await (const frame of reader) {
      const { position } = frame;
      const step = this.#take(frame);
      if (step !== undefined && (step.chunks.length > 0 || step.state !== "open"))
        yield { ...step, position };
      if (step !== undefined && step.state !== "open") return;
      if (lastSeq === undefined || (parsePosition(position)?.seq ?? 0) < lastSeq) continue;
      yield { ...this.#notRetained(), position };
      return;
    }
  }

  #take(frame: ChannelFrame): AnswerStep | undefined {
    const { executionId, afterSeq } = this.#turns[0] ?? { executionId: this.executionId, afterSeq: 0 };
    const event = answerEventOf(frame, executionId);
    const isVoid = event?.type !== "reset" && (parsePosition(frame.position)?.seq ?? 0) <= afterSeq;
    if (event === undefined || isVoid) return undefined;
    if (this.#turns.length > 1) return this.#takeEarlier(event, executionId);
    const step = this.#stream.take(event);
    return this.#isFirstTurn ? step : { ...step, chunks: laterTurn(step.chunks) };
  }

  #takeEarlier(event: AnswerEvent, executionId: string): AnswerStep {
    this.#earlierStream ??= new AnswerStream({ executionId });
    const { chunks, state } = this.#earlierStream.take(event);
    const given = earlierTurn(chunks, this.#isFirstTurn);
    if (state === "void") return { chunks: given, state };
    if (state === "over") {
      this.#turns.shift();
      this.#earlierStream = undefined;
      this.#isFirstTurn = false;
    }
    return { chunks: given, state: "open" };
  }

  /** Stops reading. The execution goes on (see `on_unwatched`). */
  close(): void {
    this.#options.reader.close();
  }

  #notRetained(): AnswerStep {
    return this.#stream.take({ type: "chunk", chunk: { type: "finish" } });
  }
}
