/** The end of a trial: no more faults, no more work, everything runs to its end; then the logs are read and all is judged. */
import { type Chunk, emptyMessage, foldChunks } from "@tachikoma/protocol";
import { eventually } from "../../e2e/support/wait.ts";
import { cancelRecords } from "../../sim/actors/cancel-watch.ts";
import { checkHistory } from "../../sim/history/check-history.ts";
import type { CheckOptions } from "../../sim/history/check-options.ts";
import type { HistoryRecord } from "../../sim/history/history-record.ts";
import { endValue } from "../../sim/record-value.ts";
import { type Problem, problemOf } from "../../sim/recorder.ts";
import { assembleHistory } from "../history/assemble-history.ts";
import { missingParts } from "../history/completeness.ts";
import { machineMs } from "../machine-clock.ts";
import { type DumpedLog, dumpLog, LogMoved } from "../workload/log-dump.ts";
import type { Trial } from "./trial.ts";

/** One that was accepted, and whose log does not know it any more. */
const LOST_EXECUTION = /^execute (?!in )/;
const TENANT_PREFIX = "default/";

export interface Verdict {
  readonly problems: readonly Problem[];
  readonly history: readonly HistoryRecord[];
}

/**
 * @param options `isDurable: false` where the logs may lose what was acknowledged: an execution that is gone with its log is
 * then never heard of again
 */
export async function finishTrial(trial: Trial, options: Partial<CheckOptions> = {}): Promise<Verdict> {
  const { recorder, cluster, remotes } = trial;
  trial.load.stop();
  for (const remote of remotes) remote.rest();
  await cluster.heal();
  for (const actor of trial.actors) actor.heal();
  recorder.write({ kind: "phase", phase: "heal" });
  const dumps = await settled(trial, options.isDurable ?? true).catch((cause: unknown) => {
    recorder.find("liveness", cause instanceof Error ? cause.message : String(cause));
    return dumpAll(trial);
  });
  const dumpedAtMs = machineMs();
  recorder.write({ kind: "phase", phase: "end" });
  for (const node of cluster.nodes) {
    for (const { life, text } of node.errors())
      recorder.write({ kind: "process.error", process: life, text });
  }
  const history = assembleHistory({
    records: [
      ...recorder.history,
      ...cancelsOf(trial, dumps, options.isDurable ?? true),
      ...remotes.flatMap(({ records }) => records),
    ],
    journals: cluster.nodes.flatMap((node) => node.journals()),
    endedLives: cluster.nodes.flatMap(({ endedLives }) => endedLives),
    dumps,
    dumpedAtMs,
  });
  const problems = [
    ...recorder.findings,
    ...foldProblems(trial, dumps),
    ...missingParts(history),
    ...checkHistory(history, options).map(problemOf),
  ];
  return { problems, history };
}

/** Where records may be lost, the end that a cancel led to may be one of them, and another end is written then. */
function cancelsOf({ cancels }: Trial, dumps: readonly DumpedLog[], isDurable: boolean): HistoryRecord[] {
  const records = cancelRecords(cancels);
  if (isDurable) return records;
  const ends = new Set(dumps.flatMap(({ entries }) => entries.map(({ val }) => val)));
  return records.filter(({ gen }) => ends.has(endValue(gen, "cancelled")));
}

/** Everybody connected, everything answered, every execution ended, everyone at the head. */
async function settled(trial: Trial, isDurable: boolean): Promise<readonly DumpedLog[]> {
  const { actors, remotes, recorder } = trial;
  await trial.until(
    "everything to be answered",
    () =>
      actors.every(
        ({ isOnline, unanswered }) =>
          isOnline && unanswered.every((what) => !isDurable && LOST_EXECUTION.test(what)),
      ) && remotes.every((remote) => remote.unanswered().length === 0),
  );
  recorder.write({ kind: "phase", phase: "quiescent" });
  let dumps: readonly DumpedLog[] = [];
  await eventually(
    trial.patienceMs,
    "every execution to end and everyone to be at the head",
    async () => {
      const dumped = await dumpAll(trial, dumps.filter(isFinal)).catch(whenMoved);
      if (dumped === undefined) return undefined;
      dumps = dumped;
      return (dumps.every(hasEnded) && behind(trial, dumps).length === 0) || undefined;
    },
    () =>
      [
        ...dumps.filter((dump) => !hasEnded(dump)).map(({ channel }) => `${channel} has not ended`),
        ...behind(trial, dumps),
      ].join("; "),
  );
  return dumps;
}

/** @param known logs that were read before and cannot have changed */
async function dumpAll(
  { recorder, cluster }: Trial,
  known: readonly DumpedLog[] = [],
): Promise<readonly DumpedLog[]> {
  const streams = new Set<string>();
  for (const record of recorder.history) if ("stream" in record) streams.add(record.stream);
  const node = cluster.upNodes[0];
  if (node === undefined) throw new Error("No node is up");
  const dumps: DumpedLog[] = [];
  for (const stream of streams) {
    const channel = stream.slice(TENANT_PREFIX.length);
    dumps.push(known.find((dump) => dump.channel === channel) ?? (await dumpLog(node.url, channel)));
  }
  return dumps;
}

/** Nothing comes after the end of an execution on a channel of its own. */
function isFinal(dump: DumpedLog): boolean {
  return dump.channel.startsWith("execution:") && dump.entries.length > 0 && hasEnded(dump);
}

function whenMoved(cause: unknown): undefined {
  if (!(cause instanceof LogMoved)) throw cause;
}

function hasEnded({ entries }: DumpedLog): boolean {
  const running = new Set<string>();
  for (const { gen, role } of entries) {
    if (gen === undefined) continue;
    if (role === "terminal") running.delete(gen);
    else running.add(gen);
  }
  return running.size === 0;
}

function behind({ actors, remotes }: Trial, dumps: readonly DumpedLog[]): string[] {
  const heads = new Map(dumps.map((dump) => [dump.channel, dump]));
  return [...actors, ...remotes].flatMap((actor) =>
    [...actor.standings()].flatMap(([channel, { epoch, seq }]) => {
      const head = heads.get(channel);
      if (head === undefined || (head.epoch === epoch && head.headSeq === seq)) return [];
      return [`${actor.name} is at ${channel} ${epoch}.${seq}, the head is ${head.epoch}.${head.headSeq}`];
    }),
  );
}

/** Whoever saw an execution from its start to its end has made of it what its records make. */
function foldProblems({ folds }: Trial, dumps: readonly DumpedLog[]): Problem[] {
  const whole = new Map<string, readonly Chunk[]>();
  for (const { chunks, entries } of dumps) {
    const started = new Set(entries.flatMap(({ role, gen }) => (role === "start" ? [gen] : [])));
    for (const [gen, list] of chunks) if (started.has(gen)) whole.set(gen, list);
  }
  return folds.flatMap(({ reader, executionId, message }): Problem[] => {
    const chunks = whole.get(executionId);
    if (chunks === undefined) return [];
    const wanted = JSON.stringify(foldChunks(emptyMessage(), chunks));
    const made = JSON.stringify(message);
    if (made === wanted) return [];
    return [{ check: "fold", text: `${reader} made of ${executionId} ${made} instead of ${wanted}` }];
  });
}
