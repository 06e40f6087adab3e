import type { HistoryRecord } from "./history-record.ts";

/** One record per line, so that a run that is killed leaves everything but its last line. */
export function formatHistory(records: readonly HistoryRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}

export function parseHistory(text: string): HistoryRecord[] {
  const lines = text.split("\n");
  // What stands behind the last line end was cut off while it was written.
  lines.pop();
  return lines.map((line, index) => {
    const value: unknown = parseLine(line, index + 1);
    if (typeof value === "object" && value !== null && "kind" in value && "timeMs" in value)
      return value as HistoryRecord;
    throw new Error(`line ${index + 1} of the history is not a record`);
  });
}

function parseLine(line: string, lineNumber: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new Error(`line ${lineNumber} of the history is not JSON`, { cause });
  }
}
