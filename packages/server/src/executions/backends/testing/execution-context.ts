/** An execution as a handler sees it, and what the handler did with it. For tests. */
import type { Chunk, Usage } from "@tachikoma/protocol";
import type { Logger } from "../../../core/ports.ts";
import type { ExecutionContext, HandlerStream } from "../../handler.ts";

export interface TestExecution {
  readonly context: ExecutionContext;
  readonly usages: Usage[];
  readonly cancel: () => void;
}

export function testExecution(
  input: unknown,
  options: { readonly inputs?: AsyncIterable<unknown> } = {},
): TestExecution {
  const abort = new AbortController();
  const usages: Usage[] = [];
  return {
    usages,
    cancel: () => abort.abort(new DOMException("Execution cancelled", "AbortError")),
    context: {
      executionId: "x1",
      channel: "chat:1",
      attempt: 1,
      identity: { tenant: "t", subject: "s", clientId: "c", grants: undefined, expiresAtMs: undefined },
      input,
      signal: abort.signal,
      inputs: options.inputs ?? noInputs(),
      usage: (usage) => usages.push(usage),
    },
  };
}

async function* noInputs(): AsyncGenerator<unknown, void, undefined> {}

/** Reads a handler's chunks one by one. */
export function chunkReader(stream: HandlerStream | Promise<HandlerStream>): AsyncIterator<Chunk> {
  if (!(Symbol.asyncIterator in stream)) throw new Error("The handler returned no stream");
  return stream[Symbol.asyncIterator]() as AsyncIterator<Chunk>;
}

export interface Outcome {
  readonly chunks: readonly Chunk[];
  /** What the stream threw; `undefined` when it ended well. */
  readonly error: unknown;
}

/** Reads to the end, whatever the end is. */
export async function outcomeOf(
  stream: HandlerStream | Promise<HandlerStream> | AsyncIterator<Chunk>,
): Promise<Outcome> {
  const reader = "next" in stream ? (stream as AsyncIterator<Chunk>) : chunkReader(stream);
  const chunks: Chunk[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.next();
      if (done) return { chunks, error: undefined };
      chunks.push(value);
    }
  } catch (error) {
    return { chunks, error };
  }
}

/** All that was said, in text and (separately) in thought. */
export function proseOf(
  chunks: readonly Chunk[],
  type: "text-delta" | "reasoning-delta" = "text-delta",
): string {
  return chunks.map((chunk) => (chunk.type === type ? chunk.delta : "")).join("");
}

export class RecordingLogger implements Logger {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[] = [];
  readonly debug = this.#at("debug");
  readonly info = this.#at("info");
  readonly warn = this.#at("warn");
  readonly error = this.#at("error");

  #at(level: string) {
    return (fields: object, message: string) => {
      this.lines.push({ level, fields, message });
    };
  }
}

const DEADLINE_MS = 5_000;

/** Looks again each turn of the event loop until it holds; fails with `what` when that takes too long. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`Not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The promise, or an error that says what did not happen in time. */
export async function inTime<Result>(what: string, promise: Promise<Result>): Promise<Result> {
  let timeout: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timeout = setTimeout(() => reject(new Error(`Not within ${DEADLINE_MS} ms: ${what}`)), DEADLINE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timeout);
  }
}
