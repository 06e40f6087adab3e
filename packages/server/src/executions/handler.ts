/** What runs an execution: the application's function, or one of the built-in backends. */
import type { Chunk, Usage } from "@tachikoma/protocol";
import type { Identity } from "../core/identity.ts";

/** What a handler may yield: a chunk, or plain text that becomes a text part. */
export type HandlerOutput = string | Chunk;

/** A stream of output, in either of the forms in which the platform has streams. */
export type HandlerStream = AsyncIterable<HandlerOutput> | ReadableStream<HandlerOutput>;

export interface ExecutionContext<Input = unknown> {
  readonly executionId: string;
  readonly channel: string;
  /**
   * 1, and 2 where the node that ran the first attempt is lost and the handler asked to be run anew. What the first attempt
   * yielded is void by then, what it did elsewhere is not.
   */
  readonly attempt: number;
  /** Who asked. */
  readonly identity: Identity;
  /** What `execute` carried. */
  readonly input: Input;
  /** Aborted when the execution is cancelled or the server stops. Pass it on to whatever you call. */
  readonly signal: AbortSignal;
  /** The `input` commands of clients, in order. An item counts as applied when the handler takes it. */
  readonly inputs: AsyncIterable<unknown>;
  /** Reports what was used so far; the last call is what the terminal record carries, however the execution ends. */
  usage(usage: Usage): void;
}

/**
 * Runs one execution. Return (or resolve to) a stream; what it yields is logged and delivered as it comes. Throwing, or a
 * stream that fails, ends the execution as failed. The text of a `TachikomaError` reaches clients; of any other error only
 * the log sees the text.
 */
export type Handler<Input = unknown> = (
  context: ExecutionContext<Input>,
) => HandlerStream | Promise<HandlerStream>;
