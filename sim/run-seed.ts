/** One seed from its start to its verdict. */
import { type Chunk, emptyMessage, foldChunks } from "@tachikoma/protocol";
import { cancelRecords } from "./actors/cancel-watch.ts";
import type { ServerVariant } from "./actors/server-host.ts";
import { checkHistory } from "./history/check-history.ts";
import type { HistoryRecord } from "./history/history-record.ts";
import { isRestart } from "./record-value.ts";
import { type Problem, problemOf } from "./recorder.ts";
import { moveOne, nextEvent, passTime } from "./scheduler.ts";
import { World } from "./world.ts";

export interface RunResult {
  readonly seed: number;
  readonly problems: readonly Problem[];
  trace(): readonly string[];
  readonly history: readonly HistoryRecord[];
  readonly eventCount: number;
}

/** After the last fault everybody must be at the head within the checker's 30 s; the rest is for what runs to end. */
const HEAL_MS = 36_000;
const MAX_QUIET_MS = 120_000;
const HEAL_STEP_MS = 250;
/** Appends wait for the store, which takes at most 100 ms each here; what was under way at a cancel is stored. */
const CANCEL_CHUNK_GRACE_MS = 1_000;

export async function runSeed(seed: number, variant: ServerVariant = {}): Promise<RunResult> {
  const world = new World(seed, variant);
  const { recorder, dice } = world;
  const eventCount = dice.between(100, 300);
  const options = { faultShare: dice.pick([0.05, 0.15, 0.3]), mayStoreFail: dice.chance(0.3) };
  recorder.write({ kind: "fault.on", fault: "phase 1" });
  const rejections = watchRejections((text) =>
    recorder.write({ kind: "process.error", process: "sim", text }),
  );
  try {
    await world.clock.settle();
    for (let event = 0; event < eventCount; event += 1) await nextEvent(world, options);
    await heal(world);
  } catch (thrown) {
    recorder.find("thrown", thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  } finally {
    rejections.stop();
    world.host.crash();
  }
  return { seed, ...(await judge(world)), trace: () => recorder.trace(), eventCount };
}

/** Phase 2: no more faults. Whatever is under way arrives, runs to its end, and is seen. */
async function heal(world: World): Promise<void> {
  const { recorder, host, network, actors } = world;
  recorder.write({ kind: "fault.off", fault: "phase 1" });
  for (const link of network.links) link.isSlow = false;
  if (!host.isUp) host.start();
  for (const actor of actors) actor.heal();
  recorder.write({ kind: "phase", phase: "heal" });
  await letPass(world, HEAL_MS);
  for (let ms = 0; ms < MAX_QUIET_MS && !isQuiet(world); ms += 2_000) await letPass(world, 2_000);
  recorder.write({ kind: "phase", phase: "quiescent" });
  await letPass(world, 2_000);
  recorder.write({ kind: "phase", phase: "end" });
  checkAllAtHead(world);
}

async function letPass(world: World, ms: number): Promise<void> {
  let leftMs = ms;
  while (leftMs > 0) {
    while (await moveOne(world, false));
    world.network.sweep();
    const stepMs = Math.min(leftMs, HEAL_STEP_MS);
    await passTime(world, stepMs);
    leftMs -= stepMs;
  }
  while (await moveOne(world, false));
}

function isQuiet({ actors, host }: World): boolean {
  return host.runningCount === 0 && actors.every((actor) => actor.isOnline && actor.unanswered.length === 0);
}

function checkAllAtHead({ actors, recorder, witness, host }: World): void {
  if (host.runningCount > 0) recorder.find("liveness", `${host.runningCount} executions still run`);
  for (const actor of actors) {
    if (!actor.isOnline) recorder.find("liveness", `${actor.name} is not online`);
    for (const what of actor.unanswered) recorder.find("liveness", `${actor.name} waits for ${what}`);
    for (const [channel, { epoch, seq }] of actor.standings()) {
      const log = witness.logs.get(`default/${channel}`);
      const headSeq = log?.entries.at(-1)?.seq ?? 0;
      if (log !== undefined && (epoch !== log.epoch || seq !== headSeq))
        recorder.find("liveness", `${actor.name} stands at ${channel} ${seq}, the head is ${headSeq}`);
    }
  }
}

async function judge(world: World): Promise<Pick<RunResult, "problems" | "history">> {
  const { recorder, cancels } = world;
  await dumpLogs(world);
  checkFolds(world);
  const history = [...recorder.history, ...cancelRecords(cancels)];
  const violations = checkHistory(history, { cancelChunkGraceMs: CANCEL_CHUNK_GRACE_MS });
  return { problems: [...recorder.findings, ...violations.map(problemOf)], history };
}

/** What the store holds at the end, together with what it once held and trimmed. */
async function dumpLogs({ witness, recorder }: World): Promise<void> {
  for (const [stream, { tenant, channel, epoch, entries, bodies }] of witness.logs) {
    const key = { tenant, channel };
    const found = await witness.store.read({ key, afterSeq: 0, maxRecords: 1e9, maxBytes: 1e9 });
    const baseSeq = found?.state.base.seq ?? 0;
    recorder.write({ kind: "log.dump", stream, epoch, baseSeq, entries });
    const kept = found?.records.map(({ body }) => body).join("\n");
    if (kept !== bodies.slice(baseSeq).join("\n"))
      recorder.find("store", `${stream} is not what was appended`);
  }
}

/** Whoever saw an execution from its start to its end has made of it what its records make. */
function checkFolds({ witness, folds, recorder }: World): void {
  const chunks = new Map<string, Chunk[]>();
  for (const { entries, bodies } of witness.logs.values()) {
    for (const [index, { gen, role, val }] of entries.entries()) {
      if (gen === undefined || role !== "chunk") continue;
      const list = chunks.get(gen) ?? [];
      if (isRestart(val, gen)) list.length = 0;
      else list.push(JSON.parse(bodies[index]!) as Chunk);
      chunks.set(gen, list);
    }
  }
  const wanted = new Map<string, string>();
  for (const { reader, executionId, message } of folds) {
    let text = wanted.get(executionId);
    if (text === undefined) {
      text = JSON.stringify(foldChunks(emptyMessage(), chunks.get(executionId) ?? []));
      wanted.set(executionId, text);
    }
    if (JSON.stringify(message) !== text)
      recorder.find("fold", `${reader} made of ${executionId} ${JSON.stringify(message)} instead of ${text}`);
  }
}

function watchRejections(report: (text: string) => void): { stop(): void } {
  const onRejection = (cause: unknown) =>
    report(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  process.on("unhandledRejection", onRejection);
  return { stop: () => process.off("unhandledRejection", onRejection) };
}
