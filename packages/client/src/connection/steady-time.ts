/**
 * Time that goes on while a laptop sleeps, as the wall clock does, and that stands still where somebody sets that clock back: a
 * deadline must not move away by an hour.
 */
export function steadyTime(wallMs: () => number): () => number {
  let lastMs = Number.NEGATIVE_INFINITY;
  let setBackMs = 0;
  return () => {
    const wallNowMs = wallMs();
    setBackMs = Math.max(setBackMs, lastMs - wallNowMs);
    lastMs = wallNowMs + setBackMs;
    return lastMs;
  };
}
