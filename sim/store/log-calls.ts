import { TachikomaError } from "@tachikoma/protocol";
import { assertAppendable } from "../../packages/server/src/stores/append-check.ts";
import { fencedMessage, staleWriteMessage } from "../../packages/server/src/stores/fence.ts";
import { headFault } from "../../packages/server/src/stores/head-fault.ts";
import type {
  AppendRequest,
  AppendResult,
  Fence,
  LogKey,
  LogState,
  ReadRequest,
  ReadResult,
} from "../../packages/server/src/stores/store.ts";
import { appendTo, earlierAppend, emptyLog, type LogSim, logState, readFrom, renewed } from "./log-sim.ts";
import type { StoreSim } from "./store-sim.ts";
import { logId } from "./store-state.ts";

const EPOCH_CHARS = 6;
const TAG_CHARS = 5;

export class LogCalls {
  readonly #store: StoreSim;

  constructor(store: StoreSim) {
    this.#store = store;
  }

  open(key: LogKey, nowMs: number): LogState {
    return logState(this.#openLog(key, nowMs));
  }

  append(request: AppendRequest, nowMs: number): AppendResult {
    assertAppendable(request);
    const { key, idempotencyKey, fence, expectedHead } = request;
    const existing = this.#touch(key);
    const earlier = existing === undefined ? undefined : earlierAppend(existing, idempotencyKey);
    if (earlier !== undefined) return earlier;
    const earlierWrite = fence === undefined ? undefined : this.#earlierWrite(fence, existing);
    if (earlierWrite !== undefined) return earlierWrite;
    const moved = expectedHead && headFault(expectedHead, existing && logState(existing).head);
    if (moved !== undefined) throw new TachikomaError("HEAD_MOVED", moved);
    const log = existing ?? this.#openLog(key, nowMs);
    const result = appendTo(log, request, this.#store.random.id(TAG_CHARS), nowMs);
    const { lastWrites } = this.#store.state;
    if (fence?.write !== undefined) lastWrites.set(fence.lease, { number: fence.write, result });
    return result;
  }

  read(request: ReadRequest): ReadResult | undefined {
    const log = this.#touch(request.key);
    return log === undefined ? undefined : readFrom(log, request);
  }

  state(key: LogKey): LogState | undefined {
    const log = this.#touch(key);
    return log === undefined ? undefined : logState(log);
  }

  delete(key: LogKey): void {
    this.#store.state.logs.delete(logId(key));
  }

  /** The log as it is in this generation. */
  #touch(key: LogKey): LogSim | undefined {
    const { logs, generation } = this.#store.state;
    const log = logs.get(logId(key));
    if (log === undefined || log.generation === generation) return log;
    const fresh = renewed(log, this.#store.random.id(EPOCH_CHARS), generation);
    logs.set(logId(key), fresh);
    return fresh;
  }

  #openLog(key: LogKey, nowMs: number): LogSim {
    const existing = this.#touch(key);
    if (existing !== undefined) return existing;
    const { logs, generation } = this.#store.state;
    const log = emptyLog(this.#store.random.id(EPOCH_CHARS), generation, nowMs);
    logs.set(logId(key), log);
    return log;
  }

  /**
   * What the same write came to before, `undefined` for one that may append now.
   *
   * @throws FENCED
   */
  #earlierWrite(fence: Fence, log: LogSim | undefined): AppendResult | undefined {
    const { leases, lastWrites } = this.#store.state;
    const token = leases.get(fence.lease)?.token;
    if (token !== fence.token) throw new TachikomaError("FENCED", fencedMessage(fence, token));
    const last = lastWrites.get(fence.lease);
    if (fence.write === undefined || last === undefined || fence.write > last.number) return undefined;
    if (fence.write < last.number) throw new TachikomaError("FENCED", staleWriteMessage(fence, last.number));
    return { ...last.result, epoch: log?.epoch ?? last.result.epoch, isDuplicate: true };
  }
}
