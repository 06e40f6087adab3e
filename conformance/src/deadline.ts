/** Waiting that always ends, and says what it waited for. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

export async function within<Value>(
  timeoutMs: number,
  what: string,
  promise: Promise<Value>,
): Promise<Value> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new DeadlineError(`${what}: not within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}
