/** Waiting that always ends: every wait has a deadline and says what it waited for and what it saw instead. */

const POLL_INTERVAL_MS = 20;

export async function within<Value>(
  timeoutMs: number,
  what: string,
  promise: Promise<Value>,
): Promise<Value> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what}: not within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks until the answer is there. `describe` is called once, when the time is over. */
export async function eventually<Value>(
  timeoutMs: number,
  what: string,
  ask: () => Value | undefined | Promise<Value | undefined>,
  describe: () => string = () => "",
): Promise<Value> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${timeoutMs} ms. ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
}
