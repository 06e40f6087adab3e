const DEADLINE_MS = 5000;

/** Waits no longer than five seconds, and then says for what. */
export async function within<Value>(what: string, promise: Promise<Value>): Promise<Value> {
  let timeout: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timeout = setTimeout(() => reject(new Error(`Waited ${DEADLINE_MS} ms for ${what}`)), DEADLINE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timeout);
  }
}

/** Looks once per turn of the event loop until `isTrue`. */
export async function until(what: string, isTrue: () => boolean): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(`Waited ${DEADLINE_MS} ms until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
