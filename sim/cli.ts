/** Replays one seed with its trace, or runs many: `--seed N [--verbose]`, `--seeds N [--from M]`. */
import { parseArgs } from "node:util";
import { traceDigest } from "./recorder.ts";
import { runSeed } from "./run-seed.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    verbose: { type: "boolean", default: false },
    seeds: { type: "string", default: "2000" },
    from: { type: "string", default: "1" },
  },
});

const say = (text: string) => process.stdout.write(`${text}\n`);

if (values.seed === undefined) await runMany(Number(values.from), Number(values.seeds));
else await replay(Number(values.seed), values.verbose);

async function replay(seed: number, isVerbose: boolean): Promise<void> {
  const { problems, trace, plan } = await runSeed(seed, { isTraced: true });
  const lines = trace();
  if (isVerbose) for (const line of lines) say(line);
  say(JSON.stringify(plan));
  say(`seed ${seed}: trace ${traceDigest(lines)}, ${problems.length} problems`);
  for (const { check, text } of problems) say(`  ${check}: ${text}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

async function runMany(first: number, count: number): Promise<void> {
  // Errors are made by the thousand, and where is asked only when one seed is replayed.
  Error.stackTraceLimit = 0;
  const startedAtMs = performance.now();
  let failedCount = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const { problems } = await runSeed(seed);
    if (problems.length > 0) {
      failedCount += 1;
      const { check, text } = problems[0]!;
      say(`seed ${seed}: ${problems.length} problems, first ${check}: ${text}`);
    }
    const doneCount = seed - first + 1;
    if (doneCount % 100 !== 0 && doneCount !== count) continue;
    const perSecond = doneCount / ((performance.now() - startedAtMs) / 1_000);
    say(`${doneCount} of ${count} seeds, ${failedCount} failed, ${perSecond.toFixed(1)} seeds/s`);
  }
  process.exitCode = failedCount > 0 ? 1 : 0;
}
