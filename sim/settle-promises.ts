/**
 * Waits until every promise that can settle has done so. Node runs its ticks when the queue of microtasks is empty, so one that
 * is asked for from within a microtask comes after all of them: a fifth of the price of a turn of the event loop, which a run
 * would pay thousands of times. Turns are still taken now and then: only there does Node report rejections that nobody handled.
 */
export function settlePromises(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}

export function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
