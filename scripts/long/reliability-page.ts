/** docs/reliability.md, made from the results of a long test and from what was found on the way. */
import type { FailedTrial, FaultSummary } from "../../chaos/runner/summary.ts";
import type { CountedSummary } from "./counted-part.ts";
import type { LongResults } from "./long-results.ts";
import { VERDICTS } from "./verdicts.ts";

export interface FoundRow {
  /** `simulation` or the fault class. */
  readonly by: string;
  readonly seed: number;
  readonly text: string;
}

export function reliabilityPage(results: LongResults, found: readonly FoundRow[]): string {
  return [
    INTRODUCTION,
    lastRun(results),
    ...(results.chaos === undefined ? [] : [faultTable(results.chaos.faults)]),
    failures(results),
    foundTable(found),
    LIMITS,
  ]
    .join("\n\n")
    .concat("\n");
}

const INTRODUCTION = `<!-- Made by scripts/write-reliability.ts from reliability-results.json. Changes belong there. -->
# Reliability

How the [guarantees](guarantees.md) are tested, and what the last long test has shown. The figures come from its own results;
\`npm run test:long\` makes them anew, on any machine with Node and redis-server.

A run leaves a **history**: what was published and acknowledged, what each application has seen, what was done to the system, and what the
logs hold in the end. A checker judges it by fifteen invariants:

| | Invariant |
| --- | --- |
| C1 | One place in one log holds one value, whoever looks. |
| C2 | Nothing is applied that nobody wrote. |
| C3 | Between resets, each next record, in order. |
| C4 | No record is applied twice. |
| C5 | Nothing that was acknowledged is missing, in the log or at a subscriber. |
| C6 | Where the store lost something, whoever had seen it gets a \`reset\` before anything newer. |
| C7 | Nothing of another tenant, and nothing without a grant, live or replayed. |
| C8 | What a publisher sends after an acknowledgement lies behind it. |
| C9 | One idempotency key, one record. |
| C10 | An accepted cancel stops the work, and is how it ends. |
| C11 | Once a newer owner has written, an older one writes no more. |
| C12 | Every execution ends, once, in time, and nothing follows its end. |
| C13 | After the last fault everyone catches up. |
| C14 | Memory stays within its bounds. |
| C15 | Every refusal and every close has a documented code; no error goes unhandled. |

Two harnesses make histories. The **simulation** runs several servers, clients, a network and a store on a fake clock: a seed decides
everything, and shows the same run again. The **chaos** trials run real node processes, real Redis servers and clients over real sockets, with a
proxy on every path that cuts, delays, throttles and swallows. Both have to find servers that were broken on purpose, and histories that were
tampered with, or the test suite fails.`;

function lastRun({ date, environment, simulation, differential, chaos }: LongResults): string {
  const { node, redis, platform, processorCount } = environment;
  const rows = [
    ...(simulation === undefined ? [] : [countedRow("Simulation", simulation)]),
    ...(differential === undefined ? [] : [countedRow("Simulated store against Redis", differential)]),
  ];
  if (chaos !== undefined) {
    const roundCount = sum(chaos.faults, (fault) => fault.roundCount);
    const trialCount = sum(chaos.faults, (fault) => fault.trialCount);
    const recordCount = sum(chaos.faults, (fault) => fault.recordCount);
    rows.push([
      "Chaos",
      `${thousands(roundCount)} faults in ${thousands(trialCount)} histories of ${thousands(recordCount)} records`,
      String(chaos.failures.length),
      minutes(chaos.durationMs),
    ]);
  }
  const where = `${date}, Node ${node.replace("v", "")}, Redis ${redis}, ${platform}, ${processorCount} processor cores.`;
  return [`## The last long test`, where, table(["Part", "Trials", "Failed", "Took"], rows)].join("\n\n");
}

function countedRow(name: string, { unit, count, failures: failed, durationMs }: CountedSummary): string[] {
  return [name, `${thousands(count)} ${unit}`, String(failed.length), minutes(durationMs)];
}

function faultTable(faults: readonly FaultSummary[]): string {
  const rows = faults.map((fault) => [
    fault.title,
    fault.injection,
    fault.holds.length === 15 ? "C1 to C15" : fault.holds.join(", "),
    thousands(fault.releaseRoundCount),
    fault.roundCount < fault.longRunRoundCount
      ? `${thousands(fault.roundCount)} of ${thousands(fault.longRunRoundCount)}`
      : thousands(fault.roundCount),
    thousands(fault.recordCount),
    String(fault.failedTrialCount),
    fault.roundCount === 0 ? "-" : `${seconds(fault.medianCatchUpMs)} / ${seconds(fault.worstCatchUpMs)}`,
  ]);
  const head = [
    "Fault",
    "How it is made",
    "What it is about",
    "Release",
    "Rounds",
    "Records",
    "Failed",
    "Caught up",
  ];
  return [
    "## Faults on real processes",
    "A round is one fault; all invariants are judged in every history, not only those that the fault is about. *Release* is how many rounds a release " +
      "is to see; a long test makes a twentieth of them, and `npm test` one. *Caught up* is the time from the end of a fault until every client was " +
      "connected and had everything, median and worst: it includes the clients' own waiting before they try again.",
    table(head, rows),
  ].join("\n\n");
}

function failures({ simulation, differential, chaos }: LongResults): string {
  const counted = [simulation, differential].flatMap((part) =>
    (part?.failures ?? []).map(({ seed, text }) => `- ${part!.unit} ${seed}: ${text}${verdictOf(seed)}`),
  );
  const trials = (chaos?.failures ?? []).map(failedTrialText);
  const lines = [...counted, ...trials];
  const text = lines.length === 0 ? "None." : lines.join("\n");
  return `## Violations\n\n${text}`;
}

function verdictOf(seed: number): string {
  const verdict = VERDICTS.get(seed);
  return verdict === undefined ? "" : `\n  What it was: ${verdict}.`;
}

function failedTrialText({ fault, seed, problems }: FailedTrial): string {
  return `- ${fault}, seed ${seed}: ${problems.join("; ").replaceAll("|", "\\|")}`;
}

function foundTable(found: readonly FoundRow[]): string {
  const rows = found.map(({ by, seed, text }) => [text, by, String(seed)]);
  return [
    "## Found and fixed on the way",
    "What these tests have found in the server and the client before it could reach anyone. Each has a test that failed before; the seeds of the " +
      "simulation are run again with every `npm test`.",
    table(["What was wrong", "Found by", "Seed"], rows),
  ].join("\n\n");
}

const LIMITS = `## What this does not show

- Power that goes away under a disk: processes are killed, machines are not.
- Redis Cluster, Sentinel, and Redis on other machines: the delays and partitions here are a proxy's.
- Timers at their full length: in the trials a lease takes 2 s and a heartbeat a quarter of one.
- Absence of faults. With no failure in n independent trials, the true rate is below 3/n with 95% confidence, for the faults that were tried.

## Running it

\`\`\`
npm run test:long                      # all parts, about an hour; --resume goes on where it ended
npm run test:long -- chaos --minutes 10
npx node --conditions=source chaos/run.ts --faults cut --rounds 50
npx node --conditions=source chaos/run.ts --faults cut --replay SEED --rounds 25
npx node --conditions=source sim/cli.ts --seed SEED --verbose
\`\`\`

A failed trial leaves its history in \`chaos/failures\`, with the log of all processes beside it. The same seed makes the same choices again, but
processes, sockets and disks have a will of their own: a replay may need several tries.`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function thousands(count: number): string {
  return count.toLocaleString("en");
}

function minutes(ms: number): string {
  return `${Math.max(1, Math.round(ms / 60_000))} min`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
