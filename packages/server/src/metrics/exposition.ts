/** Prometheus text format 0.0.4. */
import type { Instrument } from "./family.ts";
import { Histogram } from "./instruments.ts";

export const EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type MetricType = "counter" | "gauge" | "histogram";

/** One metric, ready to be written. */
export interface MetricSnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly labelNames: readonly string[];
  readonly series: Iterable<{ readonly labelValues: readonly string[]; readonly child: Instrument }>;
}

export function exposeMetrics(metrics: Iterable<MetricSnapshot>): string {
  const lines: string[] = [];
  for (const metric of metrics) {
    lines.push(`# HELP ${metric.name} ${escapeHelp(metric.help)}`, `# TYPE ${metric.name} ${metric.type}`);
    for (const { labelValues, child } of metric.series) {
      const labels = labelValues.map((value, index) => label(metric.labelNames[index]!, value));
      if (child instanceof Histogram) pushHistogram(lines, metric.name, labels, child);
      else lines.push(sample(metric.name, labels, child.value));
    }
  }
  return `${lines.join("\n")}\n`;
}

function pushHistogram(lines: string[], name: string, labels: readonly string[], histogram: Histogram): void {
  const counts = histogram.cumulativeCounts();
  for (const [index, count] of counts.entries()) {
    const bound = histogram.bounds[index] ?? Number.POSITIVE_INFINITY;
    lines.push(sample(`${name}_bucket`, [...labels, label("le", formatNumber(bound))], count));
  }
  lines.push(sample(`${name}_sum`, labels, histogram.sum), sample(`${name}_count`, labels, counts.at(-1)!));
}

function sample(name: string, labels: readonly string[], value: number): string {
  return labels.length === 0
    ? `${name} ${formatNumber(value)}`
    : `${name}{${labels.join(",")}} ${formatNumber(value)}`;
}

function label(name: string, value: string): string {
  return `${name}="${escapeLabelValue(value)}"`;
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabelValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
