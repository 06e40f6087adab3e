/** One metric with labels: a child for each set of label values that occurs, up to a bound. */
import type { Counter, CounterReader, Gauge, Histogram } from "./instruments.ts";

export type Instrument = Counter | CounterReader | Gauge | Histogram;

/** A string for each label name. */
export type LabelValues<Names extends readonly string[]> = { readonly [Index in keyof Names]: string };

/** What values beyond the bound are counted under. */
export const OVERFLOW_LABEL_VALUE = "other";
export const MAX_CHILDREN = 100;

export class Family<Child extends Instrument, Names extends readonly string[]> {
  readonly labelNames: Names;
  readonly #createChild: () => Child;
  readonly #children = new Map<string, { readonly labelValues: readonly string[]; readonly child: Child }>();

  constructor(labelNames: Names, createChild: () => Child) {
    this.labelNames = labelNames;
    this.#createChild = createChild;
  }

  /**
   * The instrument for these label values, in the order of the label names. Keep it where it is used often. Once there are
   * `MAX_CHILDREN`, new values share the child named `other`: labels must not be able to fill the memory.
   */
  child(...labelValues: LabelValues<Names>): Child {
    const key = labelValues.join("\u0000");
    const known = this.#children.get(key);
    if (known !== undefined) return known.child;
    if (this.#children.size < MAX_CHILDREN) return this.#add(key, labelValues);
    const overflowValues = this.labelNames.map(() => OVERFLOW_LABEL_VALUE);
    const overflowKey = overflowValues.join("\u0000");
    return this.#children.get(overflowKey)?.child ?? this.#add(overflowKey, overflowValues);
  }

  children(): Iterable<{ readonly labelValues: readonly string[]; readonly child: Child }> {
    return this.#children.values();
  }

  #add(key: string, labelValues: readonly string[]): Child {
    const child = this.#createChild();
    this.#children.set(key, { labelValues, child });
    return child;
  }
}
