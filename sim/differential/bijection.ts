/**
 * Names that two stores have each made by themselves: epochs, tags, tokens. The first time that both say one in the same place they
 * mean the same thing by it, and from then on neither may mean anything else.
 */
export class Bijection {
  readonly #there = new Map<string, string>();
  readonly #back = new Map<string, string>();

  /** False when one of the two has stood for something else before. */
  matches(here: string, there: string): boolean {
    if (!this.#there.has(here) && !this.#back.has(there)) {
      this.#there.set(here, there);
      this.#back.set(there, here);
    }
    return this.#there.get(here) === there && this.#back.get(there) === here;
  }
}
