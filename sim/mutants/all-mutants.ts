import { CLIENT_MUTANTS } from "./client-mutants.ts";
import { DOOR_MUTANTS } from "./door-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { STORE_MUTANTS } from "./store-mutants.ts";
import { WIRE_MUTANTS } from "./wire-mutants.ts";

/** By what is wrong with it; a new one each time, since some count. */
export const ALL_MUTANTS: Readonly<Record<string, () => Mutant>> = {
  ...later(STORE_MUTANTS),
  ...WIRE_MUTANTS,
  ...later(DOOR_MUTANTS),
  ...later(CLIENT_MUTANTS),
};

function later(mutants: Readonly<Record<string, Mutant>>): Record<string, () => Mutant> {
  return Object.fromEntries(Object.entries(mutants).map(([name, mutant]) => [name, () => mutant]));
}
