import type { HistoryRecord } from "../../sim/history/history-record.ts";
import type { Problem } from "../../sim/recorder.ts";

const PHASES = ["heal", "quiescent", "end"] as const;

/**
 * What a history lacks to prove anything. A run that broke off leaves records without a contradiction among them; only their
 * end shows that the promises were still kept when all was over.
 */
export function missingParts(history: readonly HistoryRecord[]): Problem[] {
  const phases = new Set(history.flatMap((record) => (record.kind === "phase" ? [record.phase] : [])));
  const dumped = new Set(history.flatMap((record) => (record.kind === "log.dump" ? [record.stream] : [])));
  const streams = new Set(history.flatMap((record) => ("stream" in record ? [record.stream] : [])));
  const missing = [
    ...PHASES.filter((phase) => !phases.has(phase)).map((phase) => `the phase ${phase}`),
    ...[...streams].filter((stream) => !dumped.has(stream)).map((stream) => `the log of ${stream}`),
  ];
  return missing.map((what) => ({ check: "incomplete", text: `the history ends without ${what}` }));
}
