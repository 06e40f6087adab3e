/** What the clients of a trial do while it lasts: a little of everything, chosen by dice. */
import type { Actor } from "../../sim/actors/actor.ts";
import { MODEL_KINDS, type ModelInput } from "../../sim/actors/model.ts";
import type { Dice } from "../../sim/dice.ts";

export interface LoadOptions {
  readonly dice: Dice;
  readonly actors: readonly Actor[];
  readonly channels: readonly string[];
  /** Pause between two steps, on average. */
  readonly pauseMs: number;
  readonly shares?: Partial<LoadShares>;
}

/** How often each step is taken, in relation to the others. */
export interface LoadShares {
  readonly publish: number;
  readonly subscribe: number;
  readonly unsubscribe: number;
  readonly execute: number;
  readonly cancel: number;
  readonly input: number;
}

const SHARES: LoadShares = { publish: 20, subscribe: 3, unsubscribe: 1, execute: 3, cancel: 2, input: 1 };
/** Of one client. More would only queue up behind a fault. */
const MAX_UNANSWERED = 20;
const LONG_MESSAGE_CHARS = 2_000;

export class Load {
  readonly #options: LoadOptions;
  readonly #shares: LoadShares;
  #timer: NodeJS.Timeout | undefined;
  #messageCount = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#shares = { ...SHARES, ...options.shares };
  }

  start(): void {
    const { dice, pauseMs } = this.#options;
    this.#timer = setTimeout(
      () => {
        this.#step();
        this.start();
      },
      dice.between(0, pauseMs * 2),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #step(): void {
    const { dice, actors, channels } = this.#options;
    const actor = dice.pick(actors);
    const channel = dice.pick(channels);
    const names = Object.keys(this.#shares) as (keyof LoadShares)[];
    const name = names[dice.weighted(names.map((one) => this.#shares[one]))]!;
    const mayAsk = actor.unanswered.length < MAX_UNANSWERED;
    switch (name) {
      case "publish":
        return mayAsk ? actor.publish(channel, this.#message(actor.name)) : undefined;
      case "subscribe":
        return actor.subscribe(channel);
      case "unsubscribe":
        // The first channel is the one that everybody follows all the time.
        return channel === channels[0] ? undefined : actor.unsubscribe(channel);
      case "execute":
        return mayAsk
          ? actor.execute(dice.chance(0.7) ? channel : undefined, this.#modelInput(), dice)
          : undefined;
      case "cancel":
        return actor.cancel(dice);
      case "input":
        return actor.input(dice);
    }
  }

  #message(author: string): string {
    const { dice } = this.#options;
    this.#messageCount += 1;
    const filling = dice.chance(0.05) ? "x".repeat(LONG_MESSAGE_CHARS) : "";
    return `${author}/${this.#messageCount}${filling}`;
  }

  /** The demo backend of the command line reads the `prompt`, and the handlers of these tests read the rest. */
  #modelInput(): ModelInput & { readonly prompt: string } {
    const { dice } = this.#options;
    return {
      prompt: `count to ${dice.between(1, 20)}`,
      seed: dice.between(1, 1_000_000),
      kind: dice.pick(MODEL_KINDS),
      chunkCount: dice.between(1, 30),
      maxPauseMs: dice.pick([0, 4, 20, 60]),
      inputPatienceMs: 100,
    };
  }
}
