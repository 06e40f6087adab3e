/** Sees every record that the real store takes, whoever dies before hearing of it, and tells the history. */
import type { AppendRequest, AppendResult, Store } from "../../packages/server/src/stores/store.ts";
import type { LogEntry } from "../history/history-record.ts";
import { outcomeOf, recordValue } from "../record-value.ts";
import type { Recorder } from "../recorder.ts";

export interface WitnessedLog {
  readonly tenant: string;
  readonly channel: string;
  readonly epoch: string;
  /** All records that were ever there, trimmed ones included. */
  readonly entries: LogEntry[];
  readonly bodies: string[];
}

export class Witness {
  readonly logs = new Map<string, WitnessedLog>();
  readonly store: Store;
  readonly #recorder: Recorder;

  constructor(real: Store, recorder: Recorder) {
    this.#recorder = recorder;
    this.store = Object.create(real) as Store;
    const bound: Partial<Record<keyof Store, unknown>> = {};
    for (const name of METHODS) bound[name] = (real[name] as (...args: never[]) => unknown).bind(real);
    Object.assign(this.store, bound, {
      append: async (request: AppendRequest) => {
        const result = await real.append(request);
        if (!result.isDuplicate) this.#see(request, result);
        return result;
      },
    });
  }

  #see({ key, records, fence }: AppendRequest, { epoch, firstSeq, tag }: AppendResult): void {
    const stream = `${key.tenant}/${key.channel}`;
    let log = this.logs.get(stream);
    if (log === undefined) {
      log = { ...key, epoch, entries: [], bodies: [] };
      this.logs.set(stream, log);
    }
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
}

const METHODS = [
  "ping",
  "logStates",
  "claimSession",
  "findLease",
  "enroll",
  "strike",
  "readRoster",
  "strikeLease",
  "listen",
  "follow",
  "unfollow",
  "say",
  "openLog",
  "read",
  "logState",
  "deleteLog",
  "loadSession",
  "saveSession",
  "deleteSession",
  "claimReceipt",
  "updateReceipt",
  "acquireLease",
  "renewLease",
  "releaseLease",
  "expiredLeases",
  "sweep",
  "close",
] as const satisfies readonly (keyof Store)[];
