import type { Clock, Logger } from "../../core/ports.ts";

/** A fault that stays makes as many errors as there are calls. */
const REPEAT_AFTER_MS = 10_000;

/** What may be remembered at once; texts of others are among the kinds. */
const MAX_KINDS = 100;

/** Logs each kind of fault now and then, with how often it came up meanwhile. */
export class FaultLog {
  readonly #logger: Logger | undefined;
  readonly #clock: Clock;
  readonly #lastByKind = new Map<string, { atMs: number; unloggedCount: number }>();

  constructor(logger: Logger | undefined, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  warn(kind: string, message: string, fields: object = {}): void {
    const nowMs = this.#clock.monotonicMs();
    const last = this.#lastByKind.get(kind);
    if (last !== undefined && nowMs - last.atMs < REPEAT_AFTER_MS) {
      last.unloggedCount += 1;
      return;
    }
    if (last === undefined && this.#lastByKind.size >= MAX_KINDS) this.#lastByKind.clear();
    const repeated =
      last === undefined || last.unloggedCount === 0 ? {} : { repeatCount: last.unloggedCount };
    this.#lastByKind.set(kind, { atMs: nowMs, unloggedCount: 0 });
    this.#logger?.warn({ ...fields, ...repeated }, message);
  }

  info(message: string, fields: object = {}): void {
    this.#logger?.info(fields, message);
  }
}
