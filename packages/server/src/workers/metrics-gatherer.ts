/** Has the metrics of all workers brought together by the parent, once for all who ask at the same time. */
import type { Clock, Timer } from "../core/ports.ts";
import type { MetricsPart } from "./process-message.ts";

/** A little more than the parent waits for the workers. */
const TIMEOUT_MS = 2_000;

interface Gathering {
  readonly id: number;
  readonly parts: PromiseWithResolvers<readonly MetricsPart[]>;
  readonly late: Timer;
}

export interface MetricsGathererOptions {
  readonly worker: string;
  readonly clock: Clock;
  readonly ask: (id: number) => void;
}

export class MetricsGatherer {
  readonly #options: MetricsGathererOptions;
  #gathering: Gathering | undefined;
  #lastId = 0;

  constructor(options: MetricsGathererOptions) {
    this.#options = options;
  }

  /** @param own what there is when the parent says nothing */
  gather(own: string): Promise<readonly MetricsPart[]> {
    this.#gathering ??= this.#begin(own);
    return this.#gathering.parts.promise;
  }

  gathered(id: number, parts: readonly MetricsPart[]): void {
    const gathering = this.#gathering;
    if (gathering?.id !== id) return;
    this.#gathering = undefined;
    gathering.late.cancel();
    gathering.parts.resolve(parts);
  }

  #begin(own: string): Gathering {
    const { worker, clock, ask } = this.#options;
    const id = ++this.#lastId;
    const parts = Promise.withResolvers<readonly MetricsPart[]>();
    const late = clock.setTimer(TIMEOUT_MS, () => this.gathered(id, [{ worker, text: own }]));
    ask(id);
    return { id, parts, late };
  }
}
