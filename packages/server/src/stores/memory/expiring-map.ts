/** Values that outlive their time until a sweep takes them. */
export class ExpiringMap<Value> {
  readonly #entries = new Map<string, { value: Value; expiresAtMs: number }>();

  get(key: string): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  set(key: string, value: Value, expiresAtMs: number): void {
    this.#entries.set(key, { value, expiresAtMs });
  }

  /** Replaces the value and keeps its time; does nothing where there is none. */
  replace(key: string, value: Value): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.value = value;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Removes at most `maxCount` values past their time; returns how many. */
  expire(nowMs: number, maxCount: number): number {
    let count = 0;
    for (const [key, { expiresAtMs }] of this.#entries) {
      if (count === maxCount) break;
      if (expiresAtMs > nowMs) continue;
      this.#entries.delete(key);
      count++;
    }
    return count;
  }
}
