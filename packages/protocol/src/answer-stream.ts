/**
 * The records of one execution as one stream for a client of the AI SDK, which folds chunks as they come and knows no more of an
 * execution than that. It begins with the original `start`, and ends with exactly one of `finish`, `abort` and `error`:
 *
 *   awaiting --started--> giving --ended--> over
 *      `--anything else of it: its beginning is not retained--^
 *   giving --started again, restarted--> what was given is taken back with `reset-step`, or the stream is void
 *
 * A stream that is void must not look ended: whoever reads it has to read the answer anew, from its `start`.
 */
import type { Chunk } from "./chunk.ts";
import { GivenContent } from "./given-content.ts";
import type { Usage } from "./schema/common.ts";
import { stockChunk } from "./stock-chunk.ts";

export interface AnswerEnding {
  readonly type: "ended";
  readonly outcome: "completed" | "failed" | "cancelled" | "interrupted";
  readonly usage?: Usage | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
  readonly reason?: string | undefined;
}

/** What a reader of the execution's channel sees of it. */
export type AnswerEvent =
  | { readonly type: "started" | "restarted" | "reset" }
  | { readonly type: "chunk"; readonly chunk: Chunk }
  | AnswerEnding;

export interface AnswerStep {
  readonly chunks: readonly Chunk[];
  /** `over`: the last chunk is the ending. `void`: what was given before has to be discarded, and nothing follows. */
  readonly state: "open" | "over" | "void";
}

export interface AnswerStreamOptions {
  readonly executionId: string;
  /** The client adds what it is given to a message that it has already: none of it can be taken back. @default false */
  readonly isContinuation?: boolean;
  /** The client has the beginning of the execution already, and gets the rest. @default false */
  readonly isBegun?: boolean;
}

const NOTHING: AnswerStep = { chunks: [], state: "open" };
const VOID: AnswerStep = { chunks: [], state: "void" };

export class AnswerStream {
  readonly #executionId: string;
  readonly #isContinuation: boolean;
  #phase: "awaiting" | "giving" | "giving-again" | "over";
  readonly #given = new GivenContent();
  /** More than `#given` knows. */
  readonly #hasGiven: boolean;
  /** An ending chunk of the handler's: whether it stands is known when the execution has ended. */
  #held: Chunk | undefined;

  constructor({ executionId, isContinuation = false, isBegun = false }: AnswerStreamOptions) {
    this.#executionId = executionId;
    this.#isContinuation = isContinuation || isBegun;
    this.#hasGiven = isBegun;
    this.#phase = isBegun ? "giving" : "awaiting";
  }

  take(event: AnswerEvent): AnswerStep {
    if (this.#phase === "over") return NOTHING;
    switch (event.type) {
      case "started":
      case "restarted":
        return this.#begin();
      case "reset":
        return this.#reset();
      case "chunk":
        return this.#phase === "awaiting" ? this.#beginningLost() : this.#give(event.chunk);
      case "ended":
        return this.#phase === "awaiting" ? this.#beginningLost() : this.#end(event);
    }
  }

  #begin(): AnswerStep {
    this.#held = undefined;
    if (this.#phase === "awaiting") {
      this.#phase = "giving";
      return NOTHING;
    }
    this.#phase = "giving-again";
    if (this.#isEmpty) return NOTHING;
    if (this.#isContinuation || !this.#given.canBeTakenBack) return this.#void();
    this.#given.takenBack();
    return { chunks: [{ type: "reset-step" }], state: "open" };
  }

  #reset(): AnswerStep {
    if (this.#phase === "awaiting") return NOTHING;
    if (!this.#isEmpty) return this.#void();
    this.#held = undefined;
    // What is left of the execution follows, from its start or from somewhere in it.
    this.#phase = "awaiting";
    return NOTHING;
  }

  get #isEmpty(): boolean {
    return this.#given.isEmpty && !this.#hasGiven;
  }

  #void(): AnswerStep {
    this.#phase = "over";
    return VOID;
  }

  #give(chunk: Chunk): AnswerStep {
    if (this.#phase === "giving-again" && this.#given.isKnown(chunk)) return NOTHING;
    const released = this.#held === undefined ? [] : [this.#held];
    const isEnding = ENDINGS.has(chunk.type);
    this.#held = isEnding ? chunk : undefined;
    return this.#giving(isEnding ? released : [...released, chunk], "open");
  }

  #end(ending: AnswerEnding): AnswerStep {
    this.#phase = "over";
    return this.#giving([...endedChunks(this.#executionId, ending), this.#lastChunk(ending)], "over");
  }

  #lastChunk({ outcome, error, reason }: AnswerEnding): Chunk {
    const held = this.#held;
    switch (outcome) {
      case "completed":
        return held ?? { type: "finish" };
      case "failed":
        return held?.type === "error"
          ? held
          : { type: "error", errorText: error?.message ?? "The answer failed" };
      case "cancelled":
        return held?.type === "abort" ? held : { type: "abort", reason: "cancelled" };
      case "interrupted":
        return { type: "error", errorText: INTERRUPTED_TEXTS[reason ?? ""] ?? "The answer was interrupted" };
    }
  }

  #beginningLost(): AnswerStep {
    this.#phase = "over";
    const errorText = "The beginning of the answer is not retained any more";
    return this.#giving([{ type: "error", errorText }], "over");
  }

  #giving(chunks: readonly Chunk[], state: AnswerStep["state"]): AnswerStep {
    for (const chunk of chunks) this.#given.note(chunk);
    return { chunks: chunks.map(stockChunk), state };
  }
}

const ENDINGS: ReadonlySet<Chunk["type"]> = new Set(["finish", "abort", "error"]);

const INTERRUPTED_TEXTS: Readonly<Record<string, string>> = {
  server_stopped: "The answer was interrupted: the server stopped",
  owner_lost: "The answer was interrupted: its server was lost",
};

/** What the terminal record knows and no chunk does, for whoever listens (`onData`). It leaves no trace in the message. */
function endedChunks(executionId: string, { outcome, usage, reason }: AnswerEnding): Chunk[] {
  if (usage === undefined || Object.keys(usage).length === 0) return [];
  const data = { executionId, outcome, usage, ...(reason === undefined ? {} : { reason }) };
  return [{ type: "data-execution-ended", data, transient: true }];
}
