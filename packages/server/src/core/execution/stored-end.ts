import { errorCodeOf } from "@tachikoma/protocol";
import type { LogKey, RecordType, Store } from "../../stores/store.ts";
import { endKey } from "./execution.ts";
import { terminalRecord } from "./execution-end.ts";
import { leaseName } from "./lease-keeper.ts";

/** No lease carries it: an append with it never happens. */
const NO_TOKEN = 0;
const NO_RETENTION = { maxRecords: 1, maxBytes: 1, maxAgeMs: 1 };

/**
 * Type of the terminal record of an execution, as the log has it; `undefined` when there is none or it is forgotten. Whoever
 * wrote it did so under `endKey`, and the store tells where: an append that can only be refused or be a duplicate asks it.
 */
export async function storedEnd(
  store: Store,
  key: LogKey,
  executionId: string,
  nowMs: number,
): Promise<RecordType | undefined> {
  const end = terminalRecord(executionId, { kind: "interrupted", reason: "owner_lost" }, {});
  const fence = { lease: leaseName(key.tenant, executionId), token: NO_TOKEN };
  try {
    const idempotencyKey = endKey(executionId);
    const place = await store.append({
      key,
      records: [end],
      nowMs,
      retention: NO_RETENTION,
      idempotencyKey,
      fence,
    });
    const found = await store.read({ key, afterSeq: place.lastSeq - 1, maxRecords: 1, maxBytes: 1 });
    const record = found?.records[0];
    return record?.executionId === executionId ? record.type : undefined;
  } catch (cause) {
    if (errorCodeOf(cause) === "FENCED") return undefined;
    throw cause;
  }
}
