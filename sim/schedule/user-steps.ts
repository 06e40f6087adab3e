/** What users do. */
import { MODEL_KINDS, type ModelInput } from "../actors/model.ts";
import type { World } from "../world.ts";
import type { WeightedStep } from "./step.ts";

export const USER_STEPS: readonly WeightedStep[] = [
  { weight: 10, take: publish },
  { weight: 6, take: subscribe },
  { weight: 2, take: ({ dice, actors, channels }) => dice.pick(actors).unsubscribe(dice.pick(channels)) },
  { weight: 4, take: execute },
  { weight: 2, take: ({ dice, actors }) => dice.pick(actors).cancel(dice) },
  { weight: 2, take: ({ dice, actors }) => dice.pick(actors).input(dice) },
  { weight: 2, take: ({ dice, actors }) => dice.pick(actors).fidget(dice) },
  { weight: 2, take: present },
  { weight: 1, take: signal },
  { weight: 2, take: ({ dice, crowd }) => (dice.chance(0.8) ? crowd?.open() : crowd?.close()) },
];

function publish({ dice, actors, channels }: World): void {
  const text = `${dice.random.id(10)}${"x".repeat(dice.chance(0.1) ? 600 : 0)}`;
  dice.pick(actors).publish(dice.pick(channels), text);
}

function subscribe({ dice, actors, channels }: World): void {
  dice.pick(actors).subscribe(dice.pick(channels));
}

function present({ dice, actors, channels }: World): void {
  dice.pick(actors).present?.(dice.pick(channels), dice.random.id(4));
}

function signal({ dice, actors, channels }: World): void {
  dice.pick(actors).signal?.(dice.pick(channels), dice.random.id(4));
}

function execute({ dice, actors, channels }: World): void {
  const input: ModelInput = {
    seed: dice.between(1, 1_000_000),
    kind: dice.pick(MODEL_KINDS),
    chunkCount: dice.between(1, 14),
    maxPauseMs: dice.pick([0, 5, 50, 300]),
  };
  const channel = dice.chance(0.75) ? dice.pick(channels) : undefined;
  dice.pick(actors).execute(channel, input, dice);
}
