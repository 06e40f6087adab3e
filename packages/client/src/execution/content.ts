import { type Chunk, mergeChunks } from "@tachikoma/protocol";
import { Mailbox } from "../mailbox.ts";

/**
 * The content of one execution, as chunks. Adjacent deltas are kept as one, so all of it takes about as much room as the message
 * itself, and a loop that is slow or late gets fewer and larger chunks.
 */
export class Content {
  #chunks: Chunk[] = [];
  readonly #loops = new Set<Mailbox<Chunk>>();
  #end: { readonly error: unknown } | undefined;

  get chunks(): readonly Chunk[] {
    return this.#chunks;
  }

  /** The text of all text parts. What a step had written before it was rolled back does not count. */
  get text(): string {
    const texts: string[] = [];
    let stepStart = 0;
    for (const chunk of this.#chunks) {
      if (chunk.type === "text-delta") texts.push(chunk.delta);
      else if (chunk.type === "start-step") stepStart = texts.length;
      else if (chunk.type === "reset-step") texts.length = stepStart;
    }
    return texts.join("");
  }

  add(chunk: Chunk): void {
    const merged = joined(this.#chunks.at(-1), chunk);
    if (merged === undefined) this.#chunks.push(chunk);
    else this.#chunks[this.#chunks.length - 1] = merged;
    for (const loop of this.#loops) putJoined(loop, chunk);
  }

  /** What was there is void; loops that have read some of it cannot take it back. */
  restart(error: unknown): void {
    this.#chunks = [];
    for (const loop of this.#loops) loop.end(error);
    this.#loops.clear();
  }

  /** What was there is void, and all of what holds follows: a loop that has read nothing yet just gets that. */
  startOver(error: unknown): void {
    this.#chunks = [];
    for (const loop of this.#loops) {
      loop.clear();
      if (!loop.hasGiven) continue;
      loop.end(error);
      this.#loops.delete(loop);
    }
  }

  end(error?: unknown): void {
    this.#end ??= { error };
    for (const loop of this.#loops) loop.end(error);
    this.#loops.clear();
  }

  /** All chunks, from the first. */
  iterate(): AsyncIterator<Chunk, undefined> {
    const loop = new Mailbox<Chunk>();
    for (const chunk of this.#chunks) loop.put(chunk);
    if (this.#end === undefined) this.#loops.add(loop);
    else loop.end(this.#end.error);
    return {
      next: () => loop.take() as Promise<IteratorResult<Chunk, undefined>>,
      return: () => {
        this.#loops.delete(loop);
        loop.clear();
        loop.end();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}

function putJoined(loop: Mailbox<Chunk>, chunk: Chunk): void {
  const merged = joined(loop.last, chunk);
  if (merged === undefined) loop.put(chunk);
  else loop.replaceLast(merged);
}

function joined(last: Chunk | undefined, chunk: Chunk): Chunk | undefined {
  return last === undefined ? undefined : mergeChunks(last, chunk);
}
