/** What is observed on the hot path: no lookups and no allocation, one child per set of label values, bound once. */

/** A number that only grows. */
export class Counter {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  increment(by = 1): void {
    this.#value += by;
  }
}

/** A counter that something else keeps: it is asked when the metrics are read. */
export class CounterReader {
  readonly #read: () => number;

  constructor(read: () => number) {
    this.#read = read;
  }

  get value(): number {
    return this.#read();
  }
}

/** A number that goes up and down: set as it changes, or asked for when the metrics are read. */
export class Gauge {
  #value = 0;
  #read: (() => number) | undefined;

  get value(): number {
    return this.#read === undefined ? this.#value : this.#read();
  }

  set(value: number): void {
    this.#value = value;
  }

  add(by: number): void {
    this.#value += by;
  }

  /** From now on `read` is the truth; what was set is forgotten. */
  readFrom(read: () => number): void {
    this.#read = read;
  }
}

/** How often values fell below each of a few fixed bounds. */
export class Histogram {
  readonly bounds: readonly number[];
  /** One more than bounds: the last holds what is above them all. Not cumulative. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds } = this;
    let index = 0;
    while (index < bounds.length && value > bounds[index]!) index += 1;
    this.#counts[index]! += 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  /** For each bound, how many values were at most that; last, how many there were. */
  cumulativeCounts(): number[] {
    const cumulative: number[] = [];
    let total = 0;
    for (const count of this.#counts) {
      total += count;
      cumulative.push(total);
    }
    return cumulative;
  }
}
