/** What was used last, by name. What is forgotten can be read again. */
const MAX_WEIGHT = 100_000;

export class StateCache<Value> {
  readonly #entries = new Map<string, { readonly value: Value; readonly weight: number }>();
  #weight = 0;

  get(name: string): Value | undefined {
    return this.#entries.get(name)?.value;
  }

  /** @param weight how much it counts against what is kept of all */
  set(name: string, value: Value, weight: number): void {
    this.delete(name);
    this.#entries.set(name, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= MAX_WEIGHT) return;
      this.delete(oldest);
    }
  }

  delete(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    this.#weight -= entry.weight;
  }
}
