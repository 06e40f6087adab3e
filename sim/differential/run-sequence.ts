/** One numbered sequence of calls on both stores, and what to say of it where they differ. */
import { findDifference } from "./differential-run.ts";
import type { RedisSubject } from "./redis-subject.ts";
import { SimSubject } from "./sim-subject.ts";
import { callsOf } from "./store-call.ts";

const CALLS_PER_SEQUENCE = 60;

/** `undefined` when the simulated store and the real one answered every call alike. */
export async function runSequence(seed: number, redis: RedisSubject): Promise<string | undefined> {
  const difference = await findDifference(callsOf(seed, CALLS_PER_SEQUENCE), [new SimSubject(), redis]);
  if (difference === undefined) return undefined;
  const { index, call, path, answers } = difference;
  const [simulated, real] = answers.map((answer) => JSON.stringify(answer));
  return `call ${index + 1}, ${JSON.stringify(call)}: ${path} differs, simulated ${simulated}, real ${real}`;
}
