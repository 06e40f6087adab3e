/**
 * Reads from the store for cursors that stand before the hot records. Readers of the same place share one read, and only so
 * many reads run at once: a storm of resumes waits its turn instead of filling the memory.
 */
import type { LogRecord } from "../../stores/store.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { Observer } from "../observer.ts";

export type HistoryResult =
  | { readonly kind: "read"; readonly records: readonly LogRecord[] }
  /** The log has another identity than when it was opened. */
  | { readonly kind: "replaced" }
  | { readonly kind: "failed" };

type HistoryCallback = (result: HistoryResult) => void;

export interface HistoryLimits {
  readonly maxConcurrentReads: number;
  readonly maxRecords: number;
  readonly maxBytes: number;
}

interface PendingRead {
  readonly log: ChannelLog;
  readonly afterSeq: number;
  readonly callbacks: HistoryCallback[];
}

export class HistoryReader {
  readonly #hub: () => LogHub;
  readonly #limits: HistoryLimits;
  readonly #observer: Observer;
  /** Reads that wait or run, by log and place. Bounded by the cursors: each waits for at most one. */
  readonly #pending = new Map<ChannelLog, Map<number, PendingRead>>();
  readonly #waiting: PendingRead[] = [];
  #runningCount = 0;

  constructor(hub: () => LogHub, limits: HistoryLimits, observer: Observer) {
    this.#hub = hub;
    this.#limits = limits;
    this.#observer = observer;
  }

  read(log: ChannelLog, afterSeq: number, callback: HistoryCallback): void {
    let bySeq = this.#pending.get(log);
    if (bySeq === undefined) {
      bySeq = new Map();
      this.#pending.set(log, bySeq);
    }
    const shared = bySeq.get(afterSeq);
    if (shared !== undefined) {
      shared.callbacks.push(callback);
      return;
    }
    const pending: PendingRead = { log, afterSeq, callbacks: [callback] };
    bySeq.set(afterSeq, pending);
    this.#waiting.push(pending);
    this.#startNext();
  }

  #startNext(): void {
    while (this.#runningCount < this.#limits.maxConcurrentReads) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#runningCount += 1;
      this.#run(next).then((result) => {
        this.#runningCount -= 1;
        this.#forget(next);
        for (const callback of next.callbacks) callback(result);
        this.#startNext();
      });
    }
  }

  async #run({ log, afterSeq }: PendingRead): Promise<HistoryResult> {
    const { maxRecords, maxBytes } = this.#limits;
    try {
      const found = await this.#hub().read(log.key, afterSeq, maxRecords, maxBytes);
      if (found === undefined || found.state.head.epoch !== log.epoch) return { kind: "replaced" };
      return { kind: "read", records: found.records };
    } catch {
      this.#observer.storeFailed("read");
      return { kind: "failed" };
    }
  }

  #forget({ log, afterSeq }: PendingRead): void {
    const bySeq = this.#pending.get(log);
    bySeq?.delete(afterSeq);
    if (bySeq?.size === 0) this.#pending.delete(log);
  }
}
