import { errorCodeOf } from "@tachikoma/protocol";
import type { AppendResult, LogKey, RecordType, Store } from "../../stores/store.ts";
import { endKey } from "./execution.ts";
import { terminalRecord } from "./execution-end.ts";
import { leaseName } from "./lease-body.ts";

/** No lease carries it: an append with it never happens. */
const NO_TOKEN = 0;
const NO_RETENTION = { maxRecords: 1, maxBytes: 1, maxAgeMs: 1 };

/** Type of the terminal record of an execution, as the log has it; `undefined` when there is none or it is not retained. */
export async function storedEnd(
  store: Store,
  key: LogKey,
  executionId: string,
  nowMs: number,
): Promise<RecordType | undefined> {
  const place = await placeOfEnd(store, key, executionId, nowMs);
  if (place === undefined) return undefined;
  const found = await store.read({ key, afterSeq: place.lastSeq - 1, maxRecords: 1, maxBytes: 1 });
  const record = found?.records[0];
  return record?.executionId === executionId ? record.type : undefined;
}

/** Whether an execution has its terminal record, retained or not. */
export async function isEndStored(
  store: Store,
  key: LogKey,
  executionId: string,
  nowMs: number,
): Promise<boolean> {
  return (await placeOfEnd(store, key, executionId, nowMs)) !== undefined;
}

/**
 * Whoever wrote the end did so under `endKey`, and the store tells where: an append that can only be refused or be a duplicate
 * asks it.
 */
async function placeOfEnd(
  store: Store,
  key: LogKey,
  executionId: string,
  nowMs: number,
): Promise<AppendResult | undefined> {
  const end = terminalRecord(executionId, { kind: "interrupted", reason: "owner_lost" }, {});
  const fence = { lease: leaseName(key.tenant, executionId), token: NO_TOKEN };
  const idempotencyKey = endKey(executionId);
  try {
    return await store.append({
      key,
      records: [end],
      nowMs,
      retention: NO_RETENTION,
      idempotencyKey,
      fence,
    });
  } catch (cause) {
    if (errorCodeOf(cause) === "FENCED") return undefined;
    throw cause;
  }
}
