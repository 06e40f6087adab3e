import { fileURLToPath } from "node:url";
import { FAULT_CLASSES } from "./faults/index.ts";
import { runTrial } from "./trial/run-trial.ts";

const [names, seed = "1", rounds = "1", mutant] = process.argv.slice(2);
const say = (t: string) => process.stdout.write(t + "\n");
for (const fault of FAULT_CLASSES) {
  if (names !== "all" && !names!.split(",").includes(fault.name)) continue;
  const obstacle = fault.obstacle?.();
  if (obstacle) {
    say(`${fault.name}: not run: ${obstacle}`);
    continue;
  }
  const r = await runTrial({
    fault,
    seed: Number(seed),
    roundCount: Number(rounds),
    failureFolder: fileURLToPath(new URL("failures", import.meta.url)),
    ...(mutant && { mutant }),
  });
  say(
    `${fault.name} ${r.roundCount} rounds ${Math.round(r.durationMs)} ms, ${r.recordCount} records, catchUp ${r.catchUpMs.map(Math.round)} problems ${r.problems.length} ${r.historyPath ?? ""}`,
  );
  for (const p of r.problems.slice(0, 4)) say(`  ${p.check}: ${p.text.slice(0, 600)}`);
}
