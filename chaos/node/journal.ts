/**
 * What a node adds to the history, one record per line, each in one write: a process that is killed leaves everything but at
 * most its last line. Times are those of the machine's monotonic clock.
 */
import { openSync, readFileSync, writeSync } from "node:fs";
import { formatHistory, parseHistory } from "../../sim/history/history-file.ts";
import type { HistoryRecord, RecordOf } from "../../sim/history/history-record.ts";
import { machineMs } from "../machine-clock.ts";

/** Something that a handler has said, before it is known whether it will be stored. */
export interface Yielded {
  readonly kind: "yield";
  readonly timeMs: number;
  readonly gen: string;
  readonly val: string;
}

export type JournalRecord = RecordOf<"llm.sent"> | RecordOf<"llm.abort"> | RecordOf<"mem"> | Yielded;

type WithoutTime<T> = T extends { readonly timeMs: number } ? Omit<T, "timeMs"> : never;

export interface Journal {
  write(record: WithoutTime<JournalRecord>): void;
}

export function openJournal(path: string): Journal {
  const file = openSync(path, "a");
  return {
    write: (record) => {
      const timed = { timeMs: machineMs(), ...record } as HistoryRecord;
      writeSync(file, formatHistory([timed]));
    },
  };
}

export function readJournal(path: string): JournalRecord[] {
  return parseHistory(readFileSync(path, "utf8")) as unknown as JournalRecord[];
}
