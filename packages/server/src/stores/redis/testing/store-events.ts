import type { Position } from "@tachikoma/protocol";
import type { Logger } from "../../../core/ports.ts";
import type { HintListener, LogKey } from "../../store.ts";
import type { RedisStoreObserver } from "../redis-store.ts";

const DEADLINE_MS = 10_000;

/** Hears all that a store reports, with a way to wait for it. */
export class StoreEvents implements RedisStoreObserver, HintListener {
  readonly lines: string[] = [];
  readonly lagsMs: number[] = [];
  readonly heads: Position[] = [];
  readonly notes: string[] = [];
  reconnectedCount = 0;
  hintsLostCount = 0;
  readonly logger: Logger = {
    debug: (fields, message) => this.#log(fields, message),
    info: (fields, message) => this.#log(fields, message),
    warn: (fields, message) => this.#log(fields, message),
    error: (fields, message) => this.#log(fields, message),
  };
  readonly #waiting = new Set<() => void>();

  wakeUpArrived(lagMs: number): void {
    this.#heard(() => this.lagsMs.push(lagMs));
  }

  storeReconnected(): void {
    this.#heard(() => (this.reconnectedCount += 1));
  }

  onHead(_key: LogKey, head: Position): void {
    this.#heard(() => this.heads.push(head));
  }

  onNote(_key: LogKey, note: string): void {
    this.#heard(() => this.notes.push(note));
  }

  onHintsLost(): void {
    this.#heard(() => (this.hintsLostCount += 1));
  }

  /** Waits until something that was heard makes it true. */
  async until(what: string, isThere: () => boolean): Promise<void> {
    const startedAtMs = performance.now();
    while (!isThere()) {
      const leftMs = startedAtMs + DEADLINE_MS - performance.now();
      if (leftMs <= 0) throw new Error(`No ${what} within ${DEADLINE_MS} ms; heard: ${this.#summary()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(wake, leftMs);
        const waiting = this.#waiting;
        function wake(): void {
          clearTimeout(timer);
          waiting.delete(wake);
          resolve();
        }
        waiting.add(wake);
      });
    }
  }

  #log(fields: object, message: string): void {
    this.#heard(() => this.lines.push(`${message} ${JSON.stringify(fields)}`));
  }

  #heard(note: () => void): void {
    note();
    for (const wake of [...this.#waiting]) wake();
  }

  #summary(): string {
    const { lines, notes, reconnectedCount, hintsLostCount } = this;
    return JSON.stringify({ lines, notes, reconnectedCount, hintsLostCount });
  }
}
