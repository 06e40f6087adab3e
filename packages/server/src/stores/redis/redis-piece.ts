/**
 * How the records of one append lie in one entry of a stream. `bodies` is their contents one after the other, `kinds` says how to take
 * them apart: neighbours of the same kind and author are a group, with the length of each of them. Absent fields are null.
 *
 *   [[type, executionId, sender, exclude, length, length, ...], ...]
 */
import { recordBytes } from "../retention.ts";
import type { LogRecord, NewRecord, RecordType } from "../store.ts";

type Kind = [
  type: RecordType,
  executionId: string | null,
  sender: string | null,
  exclude: readonly string[] | null,
];
type Group = [...kind: Kind, ...lengths: number[]];

export interface PackedRecords {
  readonly kinds: string;
  readonly bodies: string;
  /** By the measure of retention. */
  readonly byteCount: number;
}

export function packRecords(records: readonly NewRecord[]): PackedRecords {
  const groups: Group[] = [];
  let bodies = "";
  let byteCount = 0;
  let previous: NewRecord | undefined;
  for (const record of records) {
    if (previous === undefined || !isSameKind(previous, record)) groups.push(groupOf(record));
    groups.at(-1)!.push(record.body.length);
    bodies += record.body;
    byteCount += recordBytes(record);
    previous = record;
  }
  return { kinds: JSON.stringify(groups), bodies, byteCount };
}

function groupOf({ type, executionId, sender, exclude }: NewRecord): Group {
  return [type, executionId ?? null, sender ?? null, exclude ?? null];
}

function isSameKind(a: NewRecord, b: NewRecord): boolean {
  return (
    a.type === b.type &&
    a.executionId === b.executionId &&
    a.sender === b.sender &&
    isSameList(a.exclude, b.exclude)
  );
}

function isSameList(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

/** An entry as Redis returns it: its id, and names and values in turn. */
export type StreamEntry = readonly [id: string, fields: readonly string[]];

/** @throws Error that says what is wrong with an entry that nothing of ours can have written */
export function unpackEntry([id, fields]: StreamEntry): LogRecord[] {
  const values = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) values.set(fields[at]!, fields[at + 1]!);
  const field = (name: string) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`field ${name} is missing`);
    return value;
  };
  const firstSeq = integerOf("first", field("first"));
  const timeMs = integerOf("time", field("time"));
  const tag = field("tag");
  const bodies = field("bodies");
  const records: LogRecord[] = [];
  let bodyStart = 0;
  for (const [type, executionId, sender, exclude, ...lengths] of groupsIn(field("kinds"))) {
    for (const length of lengths) {
      const record: { -readonly [Field in keyof LogRecord]: LogRecord[Field] } = {
        type,
        body: bodies.slice(bodyStart, bodyStart + length),
        seq: firstSeq + records.length,
        tag,
        timeMs,
      };
      if (executionId !== null) record.executionId = executionId;
      if (sender !== null) record.sender = sender;
      if (exclude !== null) record.exclude = exclude;
      records.push(record);
      bodyStart += length;
    }
  }
  if (bodyStart !== bodies.length) throw new Error("kinds and bodies do not fit together");
  const lastSeq = firstSeq + records.length - 1;
  if (records.length === 0 || id !== `${lastSeq}-0`) throw new Error("the id is not that of the last record");
  return records;
}

function integerOf(name: string, text: string): number {
  const value = Number(text);
  if (text === "" || !Number.isSafeInteger(value)) throw new Error(`field ${name} is not an integer`);
  return value;
}

function groupsIn(kinds: string): readonly Group[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(kinds);
  } catch {
    throw new Error("field kinds is not JSON");
  }
  if (!Array.isArray(parsed) || !parsed.every(isGroup))
    throw new Error("field kinds is not what it should be");
  return parsed;
}

function isGroup(value: unknown): value is Group {
  if (!Array.isArray(value) || typeof value[0] !== "string") return false;
  const isTextOrNull = (field: unknown) => field === null || typeof field === "string";
  const isExclude = value[3] === null || (Array.isArray(value[3]) && value[3].every(isText));
  if (!isTextOrNull(value[1]) || !isTextOrNull(value[2]) || !isExclude) return false;
  for (let at = 4; at < value.length; at++) if (!Number.isInteger(value[at]) || value[at] < 0) return false;
  return true;
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}
