import type { History } from "../history.ts";
import type { HistoryRecord, RecordOf } from "../history-record.ts";
import type { Violation } from "../violation.ts";

/** C9: one idempotency key, one record, however often it was tried. */
export function checkIdempotence(history: History): Violation[] {
  const violations: Violation[] = [];
  const places = new Map<string, { seq: number; record: HistoryRecord }>();
  const add = (stream: string, epoch: string, idem: string, seq: number, record: HistoryRecord) => {
    const key = `${stream} ${epoch} ${idem}`;
    const known = places.get(key);
    if (known === undefined) places.set(key, { seq, record });
    else if (known.seq !== seq) {
      const text = `${stream} ${epoch} has the records ${known.seq} and ${seq} under one idempotency key`;
      violations.push({ invariant: "C9", text, records: [known.record, record] });
    }
  };
  for (const { invoke, answer } of history.publishes.values()) {
    if (answer?.kind === "pub.ok" && invoke.idem !== undefined) {
      add(answer.stream, answer.epoch, invoke.idem, answer.seq, answer);
    }
  }
  const keyOfValue = publishedKeys(history);
  for (const record of lastDumpOfEachEpoch(history)) {
    for (const entry of record.entries) {
      const idem = entry.idem ?? keyOfValue.get(`${record.stream} ${entry.val}`);
      if (idem !== undefined) add(record.stream, record.epoch, idem, entry.seq, record);
    }
  }
  return violations;
}

/** One that was put back to what it was has a dump for each time. */
function lastDumpOfEachEpoch(history: History): Iterable<RecordOf<"log.dump">> {
  const dumps = new Map<string, RecordOf<"log.dump">>();
  for (const dump of history.ofKind("log.dump")) dumps.set(`${dump.stream} ${dump.epoch}`, dump);
  return dumps.values();
}

/** A dump need not know the keys: published values are unique, so a value stands for its key. */
function publishedKeys(history: History): Map<string, string> {
  const keys = new Map<string, string>();
  for (const { invoke } of history.publishes.values()) {
    if (invoke.idem !== undefined) keys.set(`${invoke.stream} ${invoke.val}`, invoke.idem);
  }
  return keys;
}
