/**
 * How long the chunks of one execution collect before they are appended. What comes after a pause goes in the turn in which it came, so
 * a first token and a slow stream never wait. Where they keep coming, an append, its frame and the write to each viewer cost the
 * same for one as for ten, so some are collected; more of them on a busy node:
 *
 *   chunks per second, all executions   up to 2,000                2,000 .. 20,000   above
 *   collected                           three, within 40 to 60 ms        ..          four, within 40 to 80 ms
 *
 * Where the event loop itself is overloaded the flush window says for how long, and a store may ask for more than either.
 */
import type { Store } from "../../stores/store.ts";
import type { Clock } from "../ports.ts";
import { AppendGrid } from "./append-grid.ts";

const QUIET_CHUNKS_PER_SEC = 2_000;
const BUSY_CHUNKS_PER_SEC = 20_000;
const QUIET_CHUNKS = 3;
const BUSY_CHUNKS = 4;
const MIN_COLLECT_MS = 40;
const MAX_BUSY_COLLECT_MS = 80;
/** Intervals are multiples of this, so that executions of different speed meet at the same moments. */
const STEP_MS = 20;

export interface PaceInput {
  /** Of all executions of this node. */
  readonly chunksPerSec: number;
  /** Between two chunks of this execution, on average. */
  readonly gapMs: number;
  /** On a quiet node no chunk waits for longer. */
  readonly maxCollectMs: number;
  /** What the store asks for. */
  readonly storeIntervalMs: number;
  /** What the load of the event loop asks for. */
  readonly windowMs: number;
}

export function appendIntervalMs(input: PaceInput): number {
  const { gapMs, maxCollectMs, storeIntervalMs, windowMs } = input;
  const share = busyShare(input.chunksPerSec);
  const quietMs = Math.min(maxCollectMs, Math.max(MIN_COLLECT_MS, gapMs * QUIET_CHUNKS));
  const busyMs = Math.min(MAX_BUSY_COLLECT_MS, Math.max(MIN_COLLECT_MS, gapMs * BUSY_CHUNKS));
  const collectMs = quietMs + share * Math.max(0, busyMs - quietMs);
  return Math.max(storeIntervalMs, Math.ceil(Math.max(collectMs, windowMs) / STEP_MS) * STEP_MS);
}

/** 0 on a quiet node, 1 on a busy one. */
function busyShare(chunksPerSec: number): number {
  const share = (chunksPerSec - QUIET_CHUNKS_PER_SEC) / (BUSY_CHUNKS_PER_SEC - QUIET_CHUNKS_PER_SEC);
  return Math.min(1, Math.max(0, share));
}

/** What the executions of a node know of each other: how much they write in all, and when they next write together. */
export class AppendPace {
  readonly grid: AppendGrid;
  readonly #options: AppendPaceOptions;
  readonly #meter: ChunkMeter;

  constructor(options: AppendPaceOptions) {
    this.#options = options;
    this.grid = new AppendGrid(options.clock);
    this.#meter = new ChunkMeter(() => options.clock.monotonicMs());
  }

  noteChunks(count: number): void {
    this.#meter.add(count);
  }

  intervalMs(gapMs: number): number {
    const { store, flushWindowMs, maxCollectMs } = this.#options;
    return appendIntervalMs({
      chunksPerSec: this.#meter.perSec(),
      gapMs,
      maxCollectMs,
      storeIntervalMs: store.appendIntervalMs,
      windowMs: flushWindowMs(),
    });
  }
}

export interface AppendPaceOptions {
  readonly clock: Clock;
  readonly store: Pick<Store, "appendIntervalMs">;
  readonly flushWindowMs: () => number;
  readonly maxCollectMs: number;
}

/** A window that is long enough to count in, and short enough that a burst is seen soon. */
const WINDOW_MS = 250;

/** Counts the chunks of all executions of a node. */
export class ChunkMeter {
  readonly #monotonicMs: () => number;
  #windowStartMs: number;
  #count = 0;
  #perSec = 0;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.#windowStartMs = monotonicMs();
  }

  add(count: number): void {
    this.#count += count;
  }

  /** In the last window that is over. */
  perSec(): number {
    const elapsedMs = this.#monotonicMs() - this.#windowStartMs;
    if (elapsedMs < WINDOW_MS) return this.#perSec;
    this.#perSec = (this.#count * 1_000) / elapsedMs;
    this.#count = 0;
    this.#windowStartMs += elapsedMs;
    return this.#perSec;
  }
}
