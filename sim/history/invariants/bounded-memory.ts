import type { CheckOptions } from "../check-options.ts";
import type { History } from "../history.ts";
import type { RecordOf } from "../history-record.ts";
import type { Violation } from "../violation.ts";

/** C14: memory stays under its caps, and comes back down after the load. */
export function checkBoundedMemory(history: History, options: CheckOptions): Violation[] {
  const violations: Violation[] = [];
  const baselines = new Map<string, RecordOf<"mem">>();
  for (const sample of history.ofKind("mem")) {
    if (sample.moment === "baseline") baselines.set(sample.process, sample);
    const cap = capFault(sample, options);
    if (cap !== undefined)
      violations.push({ invariant: "C14", text: `${sample.process}: ${cap}`, records: [sample] });
    const baseline = baselines.get(sample.process);
    if (sample.moment !== "settled" || baseline === undefined) continue;
    const limitBytes = baseline.rssBytes * (1 + options.settledGrowthRatio);
    if (sample.rssBytes <= limitBytes) continue;
    const text = `${sample.process} kept ${sample.rssBytes} bytes after the load, from ${baseline.rssBytes}`;
    violations.push({ invariant: "C14", text, records: [baseline, sample] });
  }
  return violations;
}

function capFault(sample: RecordOf<"mem">, options: CheckOptions): string | undefined {
  if (sample.rssBytes > options.maxRssBytes)
    return `${sample.rssBytes} bytes resident, the cap is ${options.maxRssBytes}`;
  if (sample.heapBytes > options.maxHeapBytes)
    return `${sample.heapBytes} bytes of heap, the cap is ${options.maxHeapBytes}`;
  return undefined;
}
