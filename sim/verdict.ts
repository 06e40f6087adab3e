/** What a run is judged by: its history, and what can be seen of its world at the end. */
import { type Chunk, emptyMessage, foldChunks } from "@tachikoma/protocol";
import { cancelRecords } from "./actors/cancel-watch.ts";
import { CROWD_NAME } from "./actors/crowd.ts";
import { checkHistory } from "./history/check-history.ts";
import type { HistoryRecord } from "./history/history-record.ts";
import { LEASE_TTL_MS, MAX_CONNECTIONS_PER_CLIENT, SESSION_TTL_MS } from "./node/server-options.ts";
import { isRestart } from "./record-value.ts";
import { type Problem, problemOf } from "./recorder.ts";
import { logId } from "./store/store-state.ts";
import type { WitnessedLog } from "./store/witness.ts";
import type { World } from "./world.ts";
import type { WorldPlan } from "./world-plan.ts";

/** Appends wait for the store, which may be slow here; what was under way at a cancel is stored, or asked for again. */
const CANCEL_CHUNK_GRACE_MS = 1_000;
const SHARED_CANCEL_CHUNK_GRACE_MS = 10_000;

/** Leases are looked at three times while one lasts; then the store is asked, and may have to be asked again. */
const TAKEOVER_GRACE_MS = 8_000;
/** A silent connection is noticed, and made again, in about half of it; then heads are looked at every 5 s. */
const CATCH_UP_MS = 18_000;

export interface Verdict {
  readonly problems: readonly Problem[];
  readonly history: readonly HistoryRecord[];
}

/** Said when all trouble has been over for long enough. */
export function checkAllAtHead({ actors, recorder, store, nodes, witness, plan }: World): void {
  for (const { name, isServing, runningCount } of nodes) {
    if (!isServing) recorder.find("liveness", `${name} does not serve`);
    if (runningCount > 0) recorder.find("liveness", `${runningCount} executions still run on ${name}`);
  }
  for (const actor of actors) {
    if (!actor.isOnline) recorder.find("liveness", `${actor.name} is not online`);
    for (const what of actor.unanswered) {
      // A reset has told that something is gone; that this was among it, nothing tells yet.
      const id = /^execute (\S+) in /.exec(what)?.[1];
      const isLost = id !== undefined && mayLose(plan) && !witness.holds(id);
      if (!isLost) recorder.find("liveness", `${actor.name} waits for ${what}`);
    }
    for (const [channel, { epoch, seq }] of actor.standings()) {
      const log = store.state.logs.get(logId({ tenant: "default", channel }));
      if (epoch === log?.epoch && seq === log.head.seq) continue;
      const head = log === undefined ? "nowhere" : `${log.epoch} ${log.head.seq}`;
      recorder.find("liveness", `${actor.name} stands at ${channel} ${epoch} ${seq}, the head is ${head}`);
    }
  }
}

/** Everybody sees those who are present, as what they show, and nobody else. */
export function checkPresence({ actors, channels, recorder }: World): void {
  for (const channel of channels.filter((name) => name.startsWith("chat:"))) {
    const seen = actors.flatMap((actor) => {
      const presence = actor.presence?.(channel);
      return presence === undefined ? [] : [{ name: actor.name, ...presence }];
    });
    for (const reader of actors) {
      const members = reader.isSubscribed(channel) ? reader.presence?.(channel)?.members : undefined;
      if (members === undefined) continue;
      for (const { name, own } of seen) {
        if (own === "unknown" || JSON.stringify(own?.state) === JSON.stringify(members.get(name))) continue;
        const text = `${reader.name} sees ${name} in ${channel} as ${JSON.stringify(members.get(name))}`;
        recorder.find("presence", `${text} instead of ${JSON.stringify(own?.state)}`);
      }
    }
  }
}

/**
 * Nobody has more connections than are allowed, on all nodes together; unless a node was taken for dead that had some of them, or
 * the store has lost that it had.
 */
export function checkCrowd({ nodes, recorder, witness }: World): void {
  if (witness.hasNodeLapsed || witness.hasLostTail) return;
  const count = nodes.reduce((sum, node) => sum + node.connectionCountOf(CROWD_NAME), 0);
  if (count > MAX_CONNECTIONS_PER_CLIENT)
    recorder.find("limit", `one client has ${count} connections, the limit is ${MAX_CONNECTIONS_PER_CLIENT}`);
}

export function judge(world: World): Verdict {
  const { recorder, cancels, plan } = world;
  dumpLogs(world);
  checkFolds(world);
  // What became of a cancel is known later than it happened.
  const history = [...recorder.history, ...cancelRecords(cancels)].sort((a, b) => a.timeMs - b.timeMs);
  const violations = checkHistory(history, {
    isDurable: !mayLose(plan),
    areNumbersUnique: !plan.mayRestoreBackup,
    leaseTtlMs: LEASE_TTL_MS,
    takeoverGraceMs: TAKEOVER_GRACE_MS,
    catchUpMs: CATCH_UP_MS,
    cancelChunkGraceMs: plan.isStoreShared ? SHARED_CANCEL_CHUNK_GRACE_MS : CANCEL_CHUNK_GRACE_MS,
  });
  const findings = recorder.findings.filter((finding) => !isExcused(finding, plan));
  return { problems: [...findings, ...violations.map(problemOf)], history };
}

/** Whether what was acknowledged may be gone. */
function mayLose({ mayLoseTail, mayRestoreBackup }: WorldPlan): boolean {
  return mayLoseTail || mayRestoreBackup;
}

/** What a world of this kind may do to its clients, as long as it tells them. */
function isExcused({ check, text }: Problem, plan: WorldPlan): boolean {
  const { maxSkewMs } = plan;
  if (check === "subscription-lost") return mayLose(plan);
  if (check !== "session-lost") return false;
  // By a clock that is wrong enough any session is past its time.
  if (maxSkewMs >= SESSION_TTL_MS) return true;
  return text.endsWith("unknown_session") && mayLose(plan);
}

/** What was ever written to each log, one epoch after the other; the last is held against what the store holds. */
function dumpLogs({ witness, recorder, store }: World): void {
  for (const [stream, log] of witness.logs) {
    const found = store.state.logs.get(logId(log));
    if (found !== undefined) {
      const { entries, bodies, keptSeq } = witness.epochOf(stream, log, found.epoch);
      const kept = found.records.map(({ body }) => body).join("\n");
      if (found.head.seq !== keptSeq || kept !== bodies.slice(found.base.seq, keptSeq).join("\n"))
        recorder.find("store", `${stream} is not what was appended`);
      if (entries.length !== bodies.length) recorder.find("store", `${stream} was not witnessed in full`);
    }
    for (const { epoch, entries } of log.epochs) {
      const baseSeq = epoch === found?.epoch ? found.base.seq : 0;
      recorder.write({ kind: "log.dump", stream, epoch, baseSeq, entries });
    }
  }
}

/** Whoever saw an execution from its start to its end has made of it what its records make. */
function checkFolds({ witness, folds, recorder }: World): void {
  const wanted = new Map<string, Set<string>>();
  const chunks = chunksByEpoch(witness.logs.values());
  for (const { reader, executionId, message } of folds) {
    let texts = wanted.get(executionId);
    if (texts === undefined) {
      // One for each epoch: what a reader saw it saw in one of them.
      texts = new Set((chunks.get(executionId) ?? [[]]).map(foldText));
      wanted.set(executionId, texts);
    }
    const text = JSON.stringify(message);
    if (!texts.has(text))
      recorder.find("fold", `${reader} made of ${executionId} ${text} instead of ${[...texts].join(" or ")}`);
  }
}

function foldText(chunks: readonly Chunk[]): string {
  return JSON.stringify(foldChunks(emptyMessage(), chunks));
}

/** The chunks of each execution, once for each epoch in which it has an end. */
function chunksByEpoch(logs: Iterable<WitnessedLog>): Map<string, Chunk[][]> {
  const all = new Map<string, Chunk[][]>();
  for (const { epochs } of logs) {
    for (const { entries, bodies } of epochs) {
      const chunks = new Map<string, Chunk[]>();
      for (const [index, { gen, role, val }] of entries.entries()) {
        if (gen === undefined) continue;
        const ofGen = chunks.get(gen) ?? [];
        chunks.set(gen, ofGen);
        // What a failover left of an execution before its start, which was written again, is not a part of the answer.
        if (role === "start" || isRestart(val, gen)) ofGen.length = 0;
        else if (role === "chunk") ofGen.push(JSON.parse(bodies[index]!) as Chunk);
        if (role === "terminal") all.set(gen, [...(all.get(gen) ?? []), ofGen]);
      }
    }
  }
  return all;
}
