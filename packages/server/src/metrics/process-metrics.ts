import { MetricRegistry } from "./registry.ts";
import { CPU_SECONDS_METRIC, cpuSeconds, SERVER_METRICS } from "./server-metrics.ts";

/** What a process without a server says of itself, under the names that a server has for it. */
export function createProcessMetrics(): { expose(): string } {
  const registry = new MetricRegistry();
  registry.gauge(SERVER_METRICS.residentMemoryBytes).readFrom(() => process.memoryUsage.rss());
  registry.counterFrom(CPU_SECONDS_METRIC, cpuSeconds);
  return registry;
}
