import type { LogRecord, Store } from "@tachikoma/server";
import type { LogEntry } from "../../sim/history/history-record.ts";
import { TENANT } from "./board-clients.ts";

export interface ReadLog {
  readonly epoch: string;
  readonly records: readonly LogRecord[];
}

/** What is in the store in the end, whole. */
export async function readLogs(store: Store, channels: readonly string[]): Promise<Map<string, ReadLog>> {
  const logs = new Map<string, ReadLog>();
  for (const channel of channels) {
    const records: LogRecord[] = [];
    for (;;) {
      const afterSeq = records.at(-1)?.seq ?? 0;
      const key = { tenant: TENANT, channel };
      const page = await store.read({ key, afterSeq, maxRecords: 1_000, maxBytes: 1_000_000 });
      if (page === undefined) throw new Error(`There is no log ${channel}`);
      records.push(...page.records);
      if (page.records.length > 0) continue;
      if (page.state.base.seq !== 0)
        throw new Error(`${channel} has lost what was before ${page.state.base.seq}`);
      logs.set(channel, { epoch: page.state.head.epoch, records });
      break;
    }
  }
  return logs;
}

export function logEntry({ seq, tag, type, body, executionId }: LogRecord): LogEntry {
  if (executionId === undefined) return { seq, tag, val: String(JSON.parse(body)) };
  const role = type === "execution_started" ? "start" : type === "chunk" ? "chunk" : "terminal";
  return { seq, tag, val: body, gen: executionId, role };
}

export function textOf(records: readonly LogRecord[]): string {
  return records
    .filter(({ type }) => type === "chunk")
    .map(({ body }) => (JSON.parse(body) as { readonly delta?: string }).delta ?? "")
    .join("");
}
