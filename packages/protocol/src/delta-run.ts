/** A run of adjacent deltas whose texts are collected and joined once, so that a long run costs what its text costs. */
export interface RunItem<Source> {
  readonly source: Source;
  /** Absent for what is never joined. */
  readonly delta: { readonly head: string; readonly text: string } | undefined;
}

export interface FinishedRun<Source> {
  readonly last: Source;
  /** The joined delta; absent when the run is one item that stays as it is. */
  readonly joined: { readonly head: string; readonly text: string } | undefined;
  readonly count: number;
}

export class DeltaRun<Source> {
  readonly #maxTextChars: number;
  #last: RunItem<Source> | undefined;
  #texts: string[] = [];
  #charCount = 0;

  constructor(maxTextChars: number) {
    this.#maxTextChars = maxTextChars;
  }

  /** Takes the next item; returns the run before it when the item does not belong to it. */
  add(item: RunItem<Source>): FinishedRun<Source> | undefined {
    const charCount = item.delta?.text.length ?? 0;
    const isJoined = this.#goesOnWith(item) && this.#charCount + charCount <= this.#maxTextChars;
    const finished = isJoined ? undefined : this.flush();
    this.#last = item;
    this.#texts.push(item.delta?.text ?? "");
    this.#charCount += charCount;
    return finished;
  }

  /** Ends the run; `undefined` when nothing was added since the last one. */
  flush(): FinishedRun<Source> | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const count = this.#texts.length;
    const joined =
      last.delta === undefined || count === 1
        ? undefined
        : { head: last.delta.head, text: this.#texts.join("") };
    this.#last = undefined;
    this.#texts = [];
    this.#charCount = 0;
    return { last: last.source, joined, count };
  }

  #goesOnWith(item: RunItem<Source>): boolean {
    const head = this.#last?.delta?.head;
    return head !== undefined && head === item.delta?.head;
  }
}
