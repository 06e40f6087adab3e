/**
 * The metrics of all workers as one page. Every sample gets the label `worker`, as each process of a job has in Prometheus: sums are
 * left to queries, because a counter that starts anew with its worker must be seen to, and many gauges have no sum.
 */
import type { MetricsPart } from "./process-message.ts";

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;

interface Metric {
  readonly comments: string[];
  readonly samples: string[];
}

export function mergedExposition(parts: readonly MetricsPart[]): string {
  const metrics = new Map<string, Metric>();
  for (const { worker, text } of parts) {
    if (text !== undefined) addPart(metrics, worker, text);
  }
  const lines = [
    "# HELP tachikoma_worker_up Whether this process told its metrics.",
    "# TYPE tachikoma_worker_up gauge",
    ...parts.map(
      ({ worker, text }) => `tachikoma_worker_up{worker="${worker}"} ${text === undefined ? 0 : 1}`,
    ),
  ];
  for (const { comments, samples } of metrics.values()) lines.push(...comments, ...samples);
  return `${lines.join("\n")}\n`;
}

/** A metric's comments come before its samples, and all of its samples together. */
function addPart(metrics: Map<string, Metric>, worker: string, text: string): void {
  let metric: Metric = { comments: [], samples: [] };
  for (const line of text.split("\n")) {
    const comment = /^# (?:HELP|TYPE) (\S+) /.exec(line);
    if (comment !== null) {
      const known = metrics.get(comment[1]!);
      metric = known ?? { comments: [], samples: [] };
      if (known === undefined) metrics.set(comment[1]!, metric);
      if (!metric.comments.includes(line)) metric.comments.push(line);
      continue;
    }
    const sample = SAMPLE.exec(line);
    if (sample === null) continue;
    const [, name, labels, value] = sample;
    const all = labels === undefined || labels === "" ? "" : `,${labels}`;
    metric.samples.push(`${name}{worker="${worker}"${all}} ${value}`);
  }
}
