/**
 * A place that always has a process: a worker of a number, or the one that has the store.
 *
 *   starting --serving--> serving --died--> waiting --back-off--> starting
 *       `--died, and never served: start() rejects; later it counts as a death
 *   any --stop()--> stopping --exit--> gone
 *
 * `replace` starts the next one before the present one leaves, so that the place is never empty.
 */
import type { Clock, Logger, Timer } from "../core/ports.ts";
import { type ChildMessage, errorOfStart, type StartFailure } from "./process-message.ts";
import { DEATHS_WITHIN_MS, decideRestart, MAX_DEATHS } from "./restart-decision.ts";

/** One process, as its parent sees it. */
export interface Spawned {
  readonly pid: number | undefined;
  /** Says nothing where the process has gone. */
  send(message: object): void;
  kill(): void;
  onMessage(hear: (message: ChildMessage) => void): void;
  /** Once, when it has ended or could not be started. */
  onExit(hear: (end: string, isOrderly: boolean) => void): void;
}

export interface PlaceOptions {
  /** As the subject of a sentence: `Worker 2`. */
  readonly name: string;
  readonly fields: Readonly<Record<string, string | number>>;
  /** Starts a process. The parameter counts those that were started before. */
  readonly spawn: (startedBefore: number) => Spawned;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onMessage: (message: ChildMessage) => void;
  /** It keeps on dying: nothing is started any more. */
  readonly onGivenUp: (reason: string) => void;
}

interface Occupant {
  readonly process: Spawned;
  readonly serving: PromiseWithResolvers<string | undefined>;
  readonly ended: Promise<void>;
  isServing: boolean;
  isLeaving: boolean;
  failure: StartFailure | undefined;
}

export class Place {
  readonly #options: PlaceOptions;
  #occupant: Occupant | undefined;
  #startedCount = 0;
  #deathTimesMs: readonly number[] = [];
  #restart: Timer | undefined;
  #isStopping = false;
  #hasServed = false;
  /** Those that leave, the occupant included where everything stops. */
  readonly #ending = new Set<Occupant>();

  constructor(options: PlaceOptions) {
    this.#options = options;
  }

  get isServing(): boolean {
    return this.#occupant?.isServing === true;
  }

  get pid(): number | undefined {
    return this.#occupant?.process.pid;
  }

  /** Resolves with what the first process said when it served. @throws what kept it from starting */
  async start(): Promise<string | undefined> {
    this.#occupant = this.#spawn();
    return this.#occupant.serving.promise;
  }

  send(message: object): void {
    this.#occupant?.process.send(message);
  }

  /** Resolves when another process serves here and the one of before has ended. False when there is none that serves. */
  async replace(): Promise<boolean> {
    const before = this.#occupant;
    if (this.#isStopping || before === undefined || !before.isServing) return false;
    const next = this.#spawn();
    try {
      await next.serving.promise;
    } catch (error) {
      this.#options.logger.error(
        { ...this.#options.fields, err: error },
        `${this.#options.name} could not be replaced: the one of before stays`,
      );
      return false;
    }
    // Meanwhile the one of before may have died and been replaced.
    if (this.#isStopping || this.#occupant !== before) {
      next.isLeaving = true;
      next.process.send({ type: this.#isStopping ? "stop" : "leave" });
      await next.ended;
      return !this.#isStopping;
    }
    this.#occupant = next;
    before.isLeaving = true;
    before.process.send({ type: "leave" });
    await before.ended;
    return true;
  }

  /** Resolves when nothing runs here any more. @param deadlineMs after which it is killed */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    this.#restart?.cancel();
    const processes = [...this.#ending];
    for (const { process } of processes) process.send({ type: "stop" });
    const late = this.#options.clock.setTimer(deadlineMs, () => {
      for (const { process } of this.#ending) process.kill();
    });
    await Promise.all(processes.map(({ ended }) => ended));
    late.cancel();
  }

  #spawn(): Occupant {
    const { spawn, onMessage } = this.#options;
    const process = spawn(this.#startedCount);
    this.#startedCount += 1;
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const serving = Promise.withResolvers<string | undefined>();
    // Whoever waits for it hears of it; nobody has to wait.
    serving.promise.catch(() => undefined);
    const occupant: Occupant = {
      process,
      serving,
      ended,
      isServing: false,
      isLeaving: false,
      failure: undefined,
    };
    this.#ending.add(occupant);
    process.onMessage((message) => {
      if (message.type === "serving") {
        occupant.isServing = true;
        this.#hasServed = true;
        serving.resolve(message.url);
      } else if (message.type === "failed") occupant.failure = message.failure;
      else if (message.type === "leaving") occupant.isLeaving = true;
      else onMessage(message);
    });
    process.onExit((end, isOrderly) => {
      occupant.isServing = false;
      this.#ending.delete(occupant);
      const { failure } = occupant;
      serving.reject(failure === undefined ? new Error(this.#endText(end)) : errorOfStart(failure));
      resolve();
      if (this.#occupant === occupant) this.#vacated(occupant, end, isOrderly);
    });
    return occupant;
  }

  #vacated(occupant: Occupant, end: string, isOrderly: boolean): void {
    this.#occupant = undefined;
    // One that never served anybody is told to who starts it.
    if (this.#isStopping || !this.#hasServed) return;
    const { clock, logger, fields } = this.#options;
    if (occupant.isLeaving && isOrderly) {
      logger.info(fields, `${this.#options.name} has left and is replaced`);
      this.#occupant = this.#spawn();
      return;
    }
    const decision = decideRestart(this.#deathTimesMs, clock.monotonicMs());
    const reason = occupant.failure?.message;
    if (decision.kind === "give-up") {
      this.#options.onGivenUp(
        `${this.#endText(end)}${reason === undefined ? "" : ` (${reason})`}, for the ${MAX_DEATHS}th time within ${DEATHS_WITHIN_MS / 1_000} seconds`,
      );
      return;
    }
    const { delayMs } = decision;
    this.#deathTimesMs = decision.deathTimesMs;
    const told = { ...fields, delayMs, ...(reason === undefined ? {} : { reason }) };
    logger.error(told, `${this.#endText(end)} and is started again`);
    this.#restart = clock.setTimer(delayMs, () => {
      this.#occupant = this.#spawn();
    });
  }

  #endText(end: string): string {
    return `${this.#options.name} has ended (${end})`;
  }
}
