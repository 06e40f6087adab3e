/**
 * Gathers what arrives and hands it on once per animation frame, so that fast tokens cost one rendering per frame. A hidden
 * page has no frames: there a timer does it, and a full batch is handed on at once.
 */
export interface FrameScheduler {
  /** Runs `task` before the next frame, or soon when no frames are made. Returns what cancels it. */
  schedule(task: () => void): () => void;
}

const MAX_BATCH_ITEMS = 2_000;
const HIDDEN_FLUSH_MS = 250;

export class FrameBatch<Item> {
  readonly #apply: (items: readonly Item[]) => void;
  readonly #scheduler: FrameScheduler;
  #items: Item[] = [];
  #cancelScheduled: (() => void) | undefined;

  constructor(apply: (items: readonly Item[]) => void, scheduler: FrameScheduler = browserFrames) {
    this.#apply = apply;
    this.#scheduler = scheduler;
  }

  add(item: Item): void {
    this.#items.push(item);
    if (this.#items.length >= MAX_BATCH_ITEMS) this.flush();
    else this.#cancelScheduled ??= this.#scheduler.schedule(() => this.flush());
  }

  flush(): void {
    this.#cancelScheduled?.();
    this.#cancelScheduled = undefined;
    if (this.#items.length === 0) return;
    const items = this.#items;
    this.#items = [];
    this.#apply(items);
  }

  /** Forgets what was gathered. */
  clear(): void {
    this.#cancelScheduled?.();
    this.#cancelScheduled = undefined;
    this.#items = [];
  }
}

export const browserFrames: FrameScheduler = {
  schedule(task) {
    const frame = requestAnimationFrame(task);
    const timer = setTimeout(task, HIDDEN_FLUSH_MS);
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  },
};
