import { expect, test } from "vitest";
import { MetricRegistry } from "../metrics/registry.ts";
import { parseExposition } from "../metrics/testing/parse-exposition.ts";
import { mergedExposition } from "./merged-exposition.ts";

function exposition(connections: number, reason: string): string {
  const registry = new MetricRegistry();
  registry.gauge({ name: "connections", help: "Open now." }).set(connections);
  registry
    .counters({ name: "refused_total", help: "Refused.", labels: ["reason"] })
    .child(reason)
    .increment(connections);
  registry.histogram({ name: "seconds", help: "Time." }, [1]).observe(0.5);
  return registry.expose();
}

test("the metrics of all workers are one page that Prometheus can read, with a label for each", () => {
  const merged = mergedExposition([
    { worker: "1", text: exposition(3, 'a"}b\\') },
    { worker: "2", text: exposition(5, "full") },
    { worker: "3", text: undefined },
  ]);
  const { samples, types } = parseExposition(merged);
  expect(Object.fromEntries(types)).toEqual({
    tachikoma_worker_up: "gauge",
    connections: "gauge",
    refused_total: "counter",
    seconds: "histogram",
  });
  const of = (wanted: string) => samples.filter(({ name }) => name === wanted);
  expect(of("connections")).toEqual([
    { name: "connections", labels: { worker: "1" }, value: 3 },
    { name: "connections", labels: { worker: "2" }, value: 5 },
  ]);
  expect(of("refused_total").map(({ labels }) => labels)).toEqual([
    { worker: "1", reason: 'a"}b\\' },
    { worker: "2", reason: "full" },
  ]);
  expect(of("seconds_bucket").map(({ labels }) => [labels["worker"], labels["le"]])).toEqual([
    ["1", "1"],
    ["1", "+Inf"],
    ["2", "1"],
    ["2", "+Inf"],
  ]);
  expect(of("tachikoma_worker_up").map(({ value }) => value)).toEqual([1, 1, 0]);
  const names = samples.map(({ name }) => name.replace(/_(bucket|sum|count)$/, ""));
  expect(names.filter((name, index) => name !== names[index - 1])).toHaveLength(types.size);
});
