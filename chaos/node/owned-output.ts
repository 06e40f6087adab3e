/**
 * Marks what a handler says with the process that says it, and writes it to the journal before anybody can store it. From the
 * marks in a log one can tell who wrote what, although no one shows the numbers of fences.
 */
import type { Chunk } from "@tachikoma/protocol";
import type { ExecutionContext, Handler, HandlerOutput, HandlerStream } from "@tachikoma/server";
import { chunkValue, isDelta } from "../../sim/record-value.ts";
import type { Journal } from "./journal.ts";

const MARK = /@([a-z0-9.-]+)$/;
const MARKED_WORDS = /[^@]+@[a-z0-9.-]+/g;

/** The process that said it; `undefined` where nobody has put a name. */
export function ownerOf(val: string): string | undefined {
  return MARK.exec(val)?.[1];
}

/** What a handler said one after the other, where the server has made one record of it; any other value is its only part. */
export function partsOf(val: string): readonly string[] {
  const parts = val.match(MARKED_WORDS) ?? [];
  return parts.join("") === val ? parts : [val];
}

export function ownedOutput<Input>(handler: Handler<Input>, life: string, journal: Journal): Handler<Input> {
  return (context: ExecutionContext<Input>) => marked(handler(context), context.executionId, life, journal);
}

async function* marked(
  stream: HandlerStream | Promise<HandlerStream>,
  gen: string,
  life: string,
  journal: Journal,
): AsyncGenerator<HandlerOutput> {
  for await (const output of (await stream) as AsyncIterable<HandlerOutput>) {
    const owned = markedOutput(output, life);
    journal.write({ kind: "yield", gen, val: typeof owned === "string" ? owned : chunkValue(gen, owned) });
    yield owned;
  }
}

function markedOutput(output: HandlerOutput, life: string): HandlerOutput {
  if (typeof output === "string") return `${output}@${life}`;
  return isDelta(output) && "delta" in output
    ? ({ ...output, delta: `${output.delta}@${life}` } as Chunk)
    : output;
}
