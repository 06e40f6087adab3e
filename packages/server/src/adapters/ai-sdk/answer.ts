/** One answer on its way to one client: read from its channel, from its beginning, until it has ended. */
import { type AnswerStep, AnswerStream, parsePosition } from "@tachikoma/protocol";
import type { ChannelReader } from "../../core/requests/channel-reader.ts";
import { answerEventOf } from "./answer-event.ts";

export interface AnswerOptions {
  readonly executionId: string;
  readonly channel: string;
  /** Stands before the first record of the execution. */
  readonly reader: ChannelReader;
  /** The client adds it to a message that it has. */
  readonly isContinuation: boolean;
  /** The reader stands behind what the client has of this execution, and not before its first record. @default false */
  readonly isBegun?: boolean;
  /** Where its last record is at the latest, when it has ended: what is not there by then is not retained. */
  readonly lastSeq: number | undefined;
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

  constructor(options: AnswerOptions) {
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
      const event = answerEventOf(frame, this.executionId);
      const step = event === undefined ? undefined : this.#stream.take(event);
      const { position } = frame;
      if (step !== undefined && (step.chunks.length > 0 || step.state !== "open"))
        yield { ...step, position };
      if (step !== undefined && step.state !== "open") return;
      if (lastSeq === undefined || (parsePosition(position)?.seq ?? 0) < lastSeq) continue;
      yield { ...this.#notRetained(), position };
      return;
    }
  }

  /** Stops reading. The execution goes on (see `on_unwatched`). */
  close(): void {
    this.#options.reader.close();
  }

  #notRetained(): AnswerStep {
    return this.#stream.take({ type: "chunk", chunk: { type: "finish" } });
  }
}
