/**
 * Waits until every promise that can settle has done so; to be called from within a microtask, as everything behind an `await`
 * is. Node runs its ticks when the queue of microtasks is empty, so one that is asked for in a microtask comes after all of them:
 * a fifth of the price of a turn of the event loop, which a run would pay thousands of times. Turns are still taken now and then:
 * only there does Node report rejections that nobody handled.
 */
export function settlePromises(): Promise<void> {
  return new Promise(nextTick);
}

function nextTick(resolve: () => void): void {
  process.nextTick(resolve);
}

export function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
