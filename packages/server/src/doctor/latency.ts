/** Of measured times, in milliseconds. */
export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** @param timesMs at least one */
export function latencyOf(timesMs: readonly number[]): Latency {
  const sorted = [...timesMs].sort((left, right) => left - right);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
