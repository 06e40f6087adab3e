/**
 * When views show what has come: all of them together, once per frame. A replay arrives as thousands of messages of the socket, each a turn
 * of its own, so a microtask would be a render for each.
 */

/** Without a frame for this long (a tab in the background has none), it is time anyway. */
const MAX_WAIT_MS = 100;
const FRAME_MS = 16;

const waiting = new Set<() => void>();
let isAwaited = false;

/** Runs this in the next frame, once however often it is asked for until then. */
export function inNextFrame(show: () => void): void {
  waiting.add(show);
  if (isAwaited) return;
  isAwaited = true;
  let isOver = false;
  const run = () => {
    if (isOver) return;
    isOver = true;
    isAwaited = false;
    const shown = [...waiting];
    waiting.clear();
    for (const each of shown) each();
  };
  if (typeof requestAnimationFrame === "function") requestAnimationFrame(run);
  setTimeout(run, typeof requestAnimationFrame === "function" ? MAX_WAIT_MS : FRAME_MS);
}

export function notInNextFrame(show: () => void): void {
  waiting.delete(show);
}
