/** The parent's part in `/metrics`: asks every worker, and gives the worker that was asked what they told. */
import type { Clock, Timer } from "../core/ports.ts";
import type { MetricsPart } from "./process-message.ts";

/** A worker that takes longer is left out. */
const TIMEOUT_MS = 1_000;

interface Round {
  readonly texts: Map<string, string>;
  readonly asked: ReadonlySet<string>;
  readonly finish: () => void;
  readonly late: Timer;
}

export interface MetricsDeskOptions {
  readonly clock: Clock;
  /** All that there are. */
  readonly workers: readonly string[];
  /** False when nobody serves there. */
  readonly ask: (worker: string, roundId: number) => boolean;
}

export class MetricsDesk {
  readonly #options: MetricsDeskOptions;
  readonly #rounds = new Map<number, Round>();
  #lastRoundId = 0;

  constructor(options: MetricsDeskOptions) {
    this.#options = options;
  }

  gather(): Promise<readonly MetricsPart[]> {
    const { clock, workers, ask } = this.#options;
    const id = ++this.#lastRoundId;
    return new Promise((resolve) => {
      const texts = new Map<string, string>();
      const late = clock.setTimer(TIMEOUT_MS, () => finish());
      const finish = () => {
        this.#rounds.delete(id);
        late.cancel();
        resolve(workers.map((worker) => ({ worker, text: texts.get(worker) })));
      };
      const asked = new Set(workers.filter((worker) => ask(worker, id)));
      this.#rounds.set(id, { texts, asked, finish, late });
      if (asked.size === 0) finish();
    });
  }

  told(worker: string, roundId: number, text: string): void {
    const round = this.#rounds.get(roundId);
    if (round === undefined || !round.asked.has(worker)) return;
    round.texts.set(worker, text);
    if (round.texts.size === round.asked.size) round.finish();
  }

  close(): void {
    for (const { finish } of [...this.#rounds.values()]) finish();
  }
}
