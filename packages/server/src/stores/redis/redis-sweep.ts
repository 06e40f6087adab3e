import type { SweepRequest, SweepResult } from "../store.ts";
import type { RedisLink } from "./redis-link.ts";
import type { RedisNames } from "./redis-names.ts";
import { SWEEP_EXPIRED, SWEEP_KEYS, SWEEP_LOGS, SWEEP_RECORDS } from "./scripts/sweep-scripts.ts";
import type { StoreTime } from "./store-time.ts";

/** Bounds of one slice, so that none of its scripts holds up the appends behind it for more than a few milliseconds. */
const MAX_EXPIRED = 500;
const MAX_KEYS = 500;
const MAX_LOGS = 100;
const MAX_PIECES = 200;

export interface RedisSweeperOptions {
  readonly link: RedisLink;
  readonly names: RedisNames;
  readonly time: StoreTime;
}

export class RedisSweeper {
  readonly #options: RedisSweeperOptions;

  constructor(options: RedisSweeperOptions) {
    this.#options = options;
  }

  async sweep({ nowMs, idleLogMs, idempotencyMs }: SweepRequest): Promise<SweepResult> {
    const { link, names, time } = this.#options;
    const now = time.moment(nowMs);
    const [sessions, receipts, keys, records, logs] = await Promise.all([
      link.run(SWEEP_EXPIRED, [names.sessions], [now, "session", String(MAX_EXPIRED)]),
      link.run(SWEEP_EXPIRED, [names.receipts], [now, "receipt", String(MAX_EXPIRED)]),
      link.run(SWEEP_KEYS, [names.keyed], [time.moment(nowMs, -idempotencyMs), String(MAX_KEYS)]),
      link.run(SWEEP_RECORDS, [names.due], [now, String(MAX_LOGS), String(MAX_PIECES)]),
      // Behind the others: they are what leaves a log idle.
      link.run(SWEEP_LOGS, [names.idle], [time.moment(nowMs, -idleLogMs), String(MAX_LOGS)]),
    ]);
    const [logCount, pieceBudget] = records as readonly [number, number];
    const isSliceFull = [
      Number(sessions) === MAX_EXPIRED,
      Number(receipts) === MAX_EXPIRED,
      Number(keys) >= MAX_KEYS,
      logCount === MAX_LOGS || pieceBudget <= 0,
      Number(logs) === MAX_LOGS,
    ];
    return { hasMore: isSliceFull.includes(true) };
  }
}
