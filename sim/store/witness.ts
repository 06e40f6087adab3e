/**
 * Sees every record that the real store takes, whoever dies before hearing of it, and tells the history. It also knows what a
 * failover has taken away again.
 */
import type { AppendRequest, AppendResult, LogKey } from "../../packages/server/src/stores/store.ts";
import type { LogEntry } from "../history/history-record.ts";
import { outcomeOf, recordValue } from "../record-value.ts";
import type { Recorder } from "../recorder.ts";
import { SessionTakings } from "./session-takings.ts";
import { logId, type StoreState } from "./store-state.ts";
import type { SyncStore } from "./sync-store.ts";

/** Everything that was ever in a log in one epoch, trimmed records included. */
export interface WitnessedEpoch {
  readonly epoch: string;
  readonly entries: LogEntry[];
  readonly bodies: string[];
  /** The newest of them. */
  keptSeq: number;
}

export interface WitnessedLog {
  readonly tenant: string;
  readonly channel: string;
  /** The last one is current. */
  readonly epochs: WitnessedEpoch[];
}

/** What nodes write to each other concerns no reader. */
const NODE_TENANT = "~";
const NODE_LEASE_PREFIX = "node:";

export class Witness {
  readonly logs = new Map<string, WitnessedLog>();
  readonly takings = new SessionTakings();
  /** A node lived on without its lease for a while: what it vouched for did not count then. */
  hasNodeLapsed = false;
  /** A failover took the newest of what was stored: what nodes vouched for last did not count until they vouched for it again. */
  hasLostTail = false;
  readonly #nodeLeases = new Set<string>();
  readonly #recorder: Recorder;

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  /** The store, watched. */
  watch(real: SyncStore): SyncStore {
    return {
      ...real,
      append: (request) => {
        const result = real.append(request);
        if (!result.isDuplicate && request.key.tenant !== NODE_TENANT) this.#see(request, result);
        return result;
      },
      claimSession: (tenant, id, nodeId) => {
        const claimed = real.claimSession(tenant, id, nodeId);
        if (claimed !== undefined) this.takings.taken(id);
        return claimed;
      },
      acquireLease: (name, ...rest) => {
        const lease = real.acquireLease(name, ...rest);
        if (lease === undefined || !name.startsWith(NODE_LEASE_PREFIX)) return lease;
        if (this.#nodeLeases.has(name)) this.hasNodeLapsed = true;
        this.#nodeLeases.add(name);
        return lease;
      },
      renewLease: (name, token, ttlMs, nowMs) => {
        const endMs = real.findLease(name)?.expiresAtMs ?? Number.POSITIVE_INFINITY;
        if (name.startsWith(NODE_LEASE_PREFIX) && endMs <= nowMs) this.hasNodeLapsed = true;
        return real.renewLease(name, token, ttlMs, nowMs);
      },
    };
  }

  /**
   * The store serves from this state now: what it does not hold is lost. A log may go on in the epoch that it had; then a dump of what
   * was lost and one of what is there stand side by side.
   */
  lost(state: StoreState): void {
    this.hasLostTail = true;
    this.#recorder.write({ kind: "store.lost" });
    for (const [stream, log] of this.logs) {
      const current = log.epochs.at(-1)!;
      const keptSeq = state.logs.get(logId(log))?.head.seq ?? 0;
      if (keptSeq >= current.keptSeq) continue;
      this.#recorder.note(`${stream} lost records ${keptSeq + 1} to ${current.keptSeq}`);
      this.#tellOfLoss(current.entries.filter(({ seq }) => seq > keptSeq && seq <= current.keptSeq));
      log.epochs.push({
        epoch: current.epoch,
        entries: current.entries.slice(0, keptSeq),
        bodies: current.bodies.slice(0, keptSeq),
        keptSeq,
      });
    }
  }

  /** Whether anything of the execution is in a log now. */
  holds(executionId: string): boolean {
    for (const { epochs } of this.logs.values())
      if (epochs.at(-1)?.entries.some(({ gen }) => gen === executionId) === true) return true;
    return false;
  }

  /** The log is under this epoch now. Where it is a new one it holds what was kept. */
  epochOf(stream: string, key: LogKey, epoch: string): WitnessedEpoch {
    let log = this.logs.get(stream);
    if (log === undefined) {
      log = { ...key, epochs: [] };
      this.logs.set(stream, log);
    }
    const current = log.epochs.at(-1);
    if (current?.epoch === epoch) return current;
    const keptCount = current?.keptSeq ?? 0;
    const next: WitnessedEpoch = {
      epoch,
      entries: current?.entries.slice(0, keptCount) ?? [],
      bodies: current?.bodies.slice(0, keptCount) ?? [],
      keptSeq: keptCount,
    };
    log.epochs.push(next);
    return next;
  }

  #see({ key, records, fence }: AppendRequest, { epoch, firstSeq, lastSeq, tag }: AppendResult): void {
    const stream = `${key.tenant}/${key.channel}`;
    const log = this.epochOf(stream, key, epoch);
    log.keptSeq = lastSeq;
    for (const [index, record] of records.entries()) {
      const val = recordValue(record);
      const gen = record.executionId;
      const token = fence?.token ?? 0;
      const outcome = outcomeOf(record.type);
      const role =
        record.type === "execution_started" ? "start" : outcome !== undefined ? "terminal" : "chunk";
      log.entries.push({
        seq: firstSeq + index,
        tag,
        val,
        ...(gen === undefined ? { idem: val } : { gen, fence: token, role }),
      });
      log.bodies.push(record.body);
      if (gen === undefined) continue;
      if (role === "start") this.#recorder.write({ kind: "gen.start", gen, stream, fence: token, val });
      else if (outcome !== undefined)
        this.#recorder.write({ kind: "gen.terminal", gen, fence: token, outcome, val });
      else this.#recorder.write({ kind: "gen.chunk", gen, fence: token, val });
    }
  }

  #tellOfLoss(entries: readonly LogEntry[]): void {
    const lost = new Map<string, { appendCount: number; isStartLost: boolean }>();
    for (const { gen, role } of entries) {
      if (gen === undefined) continue;
      const ofGen = lost.get(gen) ?? { appendCount: 0, isStartLost: false };
      lost.set(gen, ofGen);
      if (role === "start") ofGen.isStartLost = true;
      else ofGen.appendCount += 1;
    }
    for (const [gen, loss] of lost) this.#recorder.write({ kind: "gen.lost", gen, ...loss });
  }
}
