import { formatPosition, ORIGIN_TAG, TachikomaError } from "@tachikoma/protocol";
import type { Random } from "../../core/ports.ts";
import { assertAppendable } from "../append-check.ts";
import { fencedMessage, staleWriteMessage } from "../fence.ts";
import { headMovedMessage } from "../head-fault.ts";
import { recordBytes } from "../retention.ts";
import type {
  AppendRequest,
  AppendResult,
  LogKey,
  LogRecord,
  LogState,
  ReadRequest,
  ReadResult,
} from "../store.ts";
import type { FaultLog } from "./fault-log.ts";
import type { RedisLink } from "./redis-link.ts";
import type { RedisNames } from "./redis-names.ts";
import { packRecords, type StreamEntry, unpackEntry } from "./redis-piece.ts";
import { APPEND, DELETE_LOG, LOG_STATES, OPEN_LOG, READ_LOG } from "./scripts/log-scripts.ts";
import type { StoreTime } from "./store-time.ts";

const EPOCH_CHARS = 6;
const TAG_CHARS = 5;
/** Logs whose ends one script looks up: it holds up everybody else for well under a millisecond. */
const MAX_STATES_PER_CALL = 128;

export interface RedisLogsOptions {
  readonly link: RedisLink;
  readonly names: RedisNames;
  readonly time: StoreTime;
  readonly random: Random;
  readonly nodeNonce: string;
  readonly faults: FaultLog;
}

type StateReply = readonly [
  epoch: string,
  baseSeq: string,
  baseTag: string,
  headSeq: string,
  headTag: string,
];
type AppendReply =
  | readonly [outcome: "appended" | "duplicate", epoch: string, place: string]
  | readonly [outcome: "fenced", token: string | null]
  | readonly [outcome: "late", write: string]
  | readonly [outcome: "moved", head: string | null];

export class RedisLogs {
  readonly #options: RedisLogsOptions;

  constructor(options: RedisLogsOptions) {
    this.#options = options;
  }

  async open(key: LogKey, nowMs: number): Promise<LogState> {
    const { link, names, time, random } = this.#options;
    const args = [time.moment(nowMs), random.id(EPOCH_CHARS), ORIGIN_TAG];
    return stateOf((await link.run(OPEN_LOG, [names.log(key)], args)) as StateReply);
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    assertAppendable(request);
    const { link, names, time, random, nodeNonce } = this.#options;
    const { key, records, nowMs, retention, idempotencyKey, fence, expectedHead } = request;
    // One roll for both: most appends need no epoch.
    const nonce = random.id(TAG_CHARS + EPOCH_CHARS);
    const { kinds, bodies, byteCount } = packRecords(records);
    const keys = fence === undefined ? [names.log(key)] : [names.log(key), names.lease(fence.lease)];
    const args = [
      time.moment(nowMs),
      nonce.slice(TAG_CHARS),
      ORIGIN_TAG,
      nonce.slice(0, TAG_CHARS),
      String(records.length),
      String(byteCount),
      bound(retention.maxRecords),
      bound(retention.maxBytes),
      String(Math.min(retention.maxAgeMs, Number.MAX_SAFE_INTEGER)),
      nodeNonce,
      idempotencyKey === undefined ? "" : `k${idempotencyKey}`,
      fence === undefined ? "" : String(fence.token),
      fence?.write === undefined ? "" : String(fence.write),
      expectedHead === undefined ? "" : formatPosition(expectedHead),
      kinds,
      bodies,
    ];
    const reply = (await link.run(APPEND, keys, args, bodies.length + kinds.length)) as AppendReply;
    return resultOf(reply, request);
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    const { link, names, random } = this.#options;
    const { key, afterSeq, maxRecords, maxBytes } = request;
    const args = [random.id(EPOCH_CHARS), String(afterSeq), String(maxRecords), String(maxBytes)];
    const reply = await link.run(READ_LOG, [names.log(key)], args);
    if (reply === null) return undefined;
    const [stateReply, entries] = reply as readonly [StateReply, readonly StreamEntry[]];
    const state = stateOf(stateReply);
    return { state, records: this.#recordsIn(request, state, entries) };
  }

  async state(key: LogKey): Promise<LogState | undefined> {
    const [state] = await this.states([key]);
    return state;
  }

  async states(keys: readonly LogKey[]): Promise<(LogState | undefined)[]> {
    const { link, names, random } = this.#options;
    const calls: Promise<unknown>[] = [];
    for (let start = 0; start < keys.length; start += MAX_STATES_PER_CALL) {
      const some = keys.slice(start, start + MAX_STATES_PER_CALL);
      const logs = some.map((key) => names.log(key));
      calls.push(
        link.run(
          LOG_STATES,
          logs,
          some.map(() => random.id(EPOCH_CHARS)),
        ),
      );
    }
    const replies = (await Promise.all(calls)).flat() as (StateReply | null)[];
    return replies.map((reply) => (reply === null ? undefined : stateOf(reply)));
  }

  async delete(key: LogKey): Promise<void> {
    const { link, names } = this.#options;
    await link.run(DELETE_LOG, [names.log(key)], []);
  }

  /** @throws STORE_UNAVAILABLE where what is stored is not what a log consists of: nothing may be skipped in silence */
  #recordsIn(request: ReadRequest, { base, head }: LogState, entries: readonly StreamEntry[]): LogRecord[] {
    const { key, afterSeq, maxRecords, maxBytes } = request;
    const records: LogRecord[] = [];
    const firstSeq = Math.max(afterSeq, base.seq) + 1;
    let byteCount = 0;
    const isEnough = () => records.length > 0 && (records.length >= maxRecords || byteCount >= maxBytes);
    for (const entry of entries) {
      for (const record of this.#unpack(key, entry)) {
        if (record.seq < firstSeq || isEnough()) continue;
        if (record.seq !== firstSeq + records.length) {
          throw this.#damaged(
            key,
            entry[0],
            `it holds record ${record.seq} in place of ${firstSeq + records.length}`,
          );
        }
        records.push(record);
        byteCount += recordBytes(record);
      }
    }
    const lastSeq = firstSeq + records.length - 1;
    if (lastSeq < head.seq && !isEnough())
      throw this.#damaged(key, "none", `record ${lastSeq + 1} is missing`);
    if (lastSeq > head.seq && records.length > 0) {
      throw this.#damaged(
        key,
        entries.at(-1)![0],
        `it holds record ${lastSeq}, and the log ends at ${head.seq}`,
      );
    }
    return records;
  }

  #unpack(key: LogKey, entry: StreamEntry): LogRecord[] {
    try {
      return unpackEntry(entry);
    } catch (cause) {
      throw this.#damaged(key, entry[0], cause instanceof Error ? cause.message : String(cause));
    }
  }

  #damaged(key: LogKey, id: string, why: string): TachikomaError {
    const stream = this.#options.names.pieces(key);
    const message = `A log in Redis is damaged: entry ${id} of ${stream}: ${why}`;
    this.#options.faults.warn(`damaged ${stream}`, message, { key: stream, entry: id });
    return new TachikomaError("STORE_UNAVAILABLE", message);
  }
}

function bound(value: number): string {
  return String(Math.min(Math.max(1, value), Number.MAX_SAFE_INTEGER));
}

function stateOf([epoch, baseSeq, baseTag, headSeq, headTag]: StateReply): LogState {
  return {
    base: { epoch, seq: Number(baseSeq), tag: baseTag },
    head: { epoch, seq: Number(headSeq), tag: headTag },
  };
}

function resultOf(reply: AppendReply, { fence, expectedHead }: AppendRequest): AppendResult {
  switch (reply[0]) {
    case "fenced": {
      const current = reply[1] === null ? undefined : Number(reply[1]);
      throw new TachikomaError("FENCED", fencedMessage(fence!, current));
    }
    case "late":
      throw new TachikomaError("FENCED", staleWriteMessage(fence!, Number(reply[1])));
    case "moved":
      throw new TachikomaError("HEAD_MOVED", headMovedMessage(expectedHead!, reply[1] ?? undefined));
    case "appended":
    case "duplicate": {
      const [firstSeq, lastSeq, tag, timeMs] = reply[2].split(" ") as [string, string, string, string];
      return {
        epoch: reply[1],
        firstSeq: Number(firstSeq),
        lastSeq: Number(lastSeq),
        tag,
        timeMs: Number(timeMs),
        isDuplicate: reply[0] === "duplicate",
      };
    }
  }
}
