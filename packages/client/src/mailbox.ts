/** Items between one who puts and one who takes with `for await`. It holds no policy on how many there may be. */
export class Mailbox<Item> {
  #items: Item[] = [];
  readonly #waiting: PromiseWithResolvers<IteratorResult<Item>>[] = [];
  #end: { readonly error: unknown } | undefined;
  /** Whether anything that was put has been taken. */
  hasGiven = false;

  get size(): number {
    return this.#items.length;
  }

  get last(): Item | undefined {
    return this.#items.at(-1);
  }

  put(item: Item): void {
    if (this.#end !== undefined) return;
    const taker = this.#waiting.shift();
    if (taker === undefined) {
      this.#items.push(item);
      return;
    }
    this.hasGiven = true;
    taker.resolve({ done: false, value: item });
  }

  replaceLast(item: Item): void {
    this.#items[this.#items.length - 1] = item;
  }

  takeNow(): Item | undefined {
    return this.#items.shift();
  }

  take(): Promise<IteratorResult<Item>> {
    if (this.#items.length > 0) {
      this.hasGiven = true;
      return Promise.resolve({ done: false, value: this.#items.shift() as Item });
    }
    if (this.#end !== undefined) return this.#ended(this.#end);
    const taker = Promise.withResolvers<IteratorResult<Item>>();
    this.#waiting.push(taker);
    return taker.promise;
  }

  /** What was put before is still there to be taken. */
  end(error?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    for (const taker of this.#waiting.splice(0)) taker.resolve(this.#ended(this.#end));
  }

  clear(): void {
    this.#items = [];
  }

  #ended(end: { error: unknown }): Promise<IteratorResult<Item>> {
    // Told once: after that the loop is simply over.
    const { error } = end;
    this.#end = { error: undefined };
    return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
  }
}
