/** The simulated store against the real one on redis-server: `--seed N` replays a sequence, `--seeds N [--from M]` runs many. */
import { parseArgs } from "node:util";
import { RedisSubject } from "./redis-subject.ts";
import { runSequence } from "./run-sequence.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "200" },
    from: { type: "string", default: "1" },
  },
});

const PROGRESS_EVERY = 100;
const say = (text: string) => process.stdout.write(`${text}\n`);

const isReplay = values.seed !== undefined;
const first = Number(values.seed ?? values.from);
const count = isReplay ? 1 : Number(values.seeds);
const redis = await RedisSubject.start();
try {
  for (let seed = first; seed < first + count; seed += 1) {
    const difference = await runSequence(seed, redis);
    if (difference !== undefined) {
      say(`seed ${seed}: ${difference}`);
      process.exitCode = 1;
    } else if (isReplay) say(`seed ${seed}: both stores answer alike`);
    const doneCount = seed - first + 1;
    if (!isReplay && (doneCount % PROGRESS_EVERY === 0 || doneCount === count))
      say(`${doneCount} of ${count} sequences`);
  }
} finally {
  await redis.dispose();
}
