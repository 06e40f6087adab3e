import type { History } from "../history.ts";
import type { HistoryRecord } from "../history-record.ts";
import { coveredContent, isMerged } from "../stream-content.ts";
import type { Violation } from "../violation.ts";

/** C2: nothing is applied that nobody wrote to this stream, or whose author was told that it failed. */
export function checkNoPhantom(history: History): Violation[] {
  const origins = indexOrigins(history);
  const violations: Violation[] = [];
  for (const record of history.deliveries) {
    if (record.kind !== "apply") continue;
    const values = isMerged(record)
      ? (coveredContent(history.content, record)?.map(({ val }) => val) ?? [])
      : [record.val];
    const originsInStream = origins.get(record.stream);
    for (const val of values) {
      const fault = originFault(originsInStream?.get(val));
      if (fault === undefined) continue;
      const text = `a value at ${record.stream} ${record.epoch} ${record.seq} ${fault.text}`;
      violations.push({ invariant: "C2", text, records: [...fault.records, record] });
    }
  }
  return violations;
}

/** Attempts to write a value to a stream. */
interface Origin {
  isWritten: boolean;
  /** Attempts that were refused for certain, each with its refusal. */
  readonly failures: HistoryRecord[];
}

/** By stream and value. */
type Origins = Map<string, Map<string, Origin>>;

function indexOrigins(history: History): Origins {
  const origins: Origins = new Map();
  for (const { invoke, answer } of history.publishes.values()) {
    const origin = originOf(origins, invoke.stream, invoke.val);
    if (answer?.kind === "pub.fail") origin.failures.push(invoke, answer);
    else origin.isWritten = true;
  }
  for (const { written } of history.executions.values()) {
    const stream = written.find((record) => record.kind === "gen.start")?.stream;
    if (stream === undefined) continue;
    for (const { val } of written) if (val !== undefined) originOf(origins, stream, val).isWritten = true;
  }
  return origins;
}

function originOf(origins: Origins, stream: string, val: string): Origin {
  const inStream = origins.get(stream) ?? new Map<string, Origin>();
  if (inStream.size === 0) origins.set(stream, inStream);
  let origin = inStream.get(val);
  if (origin === undefined) {
    origin = { isWritten: false, failures: [] };
    inStream.set(val, origin);
  }
  return origin;
}

function originFault(origin: Origin | undefined) {
  if (origin === undefined) return { text: "was written by nobody", records: [] };
  if (origin.isWritten) return undefined;
  return { text: "was applied although its publish failed", records: origin.failures };
}
