import { describe, expect, test } from "vitest";
import { createServerMetrics, SERVER_METRICS } from "./server-metrics.ts";
import { parseExposition } from "./testing/parse-exposition.ts";

describe("server metrics", () => {
  test("what is counted can be scraped", () => {
    const metrics = createServerMetrics();
    metrics.recordsAppended.child("message").increment(3);
    metrics.recordsAppended.child("chunk").increment();
    metrics.connections.set(2);
    metrics.appendSeconds.observe(0.003);
    metrics.cursors.readFrom(() => 17);
    const { samples, types } = parseExposition(metrics.expose());
    const valueFor = (name: string, labels: object = {}): number | undefined =>
      samples.find(
        (sample) => sample.name === name && JSON.stringify(sample.labels) === JSON.stringify(labels),
      )?.value;
    expect(valueFor("tachikoma_records_appended_total", { type: "message" })).toBe(3);
    expect(valueFor("tachikoma_records_appended_total", { type: "chunk" })).toBe(1);
    expect(valueFor("tachikoma_connections")).toBe(2);
    expect(valueFor("tachikoma_cursors")).toBe(17);
    expect(valueFor("tachikoma_append_seconds_bucket", { le: "0.0025" })).toBe(0);
    expect(valueFor("tachikoma_append_seconds_bucket", { le: "0.005" })).toBe(1);
    expect(types.get("tachikoma_append_seconds")).toBe("histogram");
  });

  test("the process speaks for itself", () => {
    const { samples } = parseExposition(createServerMetrics().expose());
    const valueFor = (name: string): number => samples.find((sample) => sample.name === name)!.value;
    expect(valueFor("process_resident_memory_bytes")).toBeGreaterThan(10e6);
    expect(valueFor("process_cpu_seconds_total")).toBeGreaterThan(0);
    expect(valueFor("nodejs_eventloop_lag_seconds")).toBe(0);
  });

  test("the event loop's figures come from the probe, in seconds", () => {
    const sustained = () => ({ delayP99Ms: 120, utilization: 0.5, heapShare: 0.125 });
    const loadProbe = { utilization: () => 0.25, delayMs: () => 40, sustained };
    const metrics = createServerMetrics({ loadProbe });
    expect(metrics.expose()).toContain("\ntachikoma_eventloop_utilization 0.25\n");
    expect(metrics.expose()).toContain("\nnodejs_eventloop_lag_seconds 0.04\n");
    expect(metrics.expose()).toContain("\nnodejs_eventloop_lag_p99_seconds 0.12\n");
    expect(metrics.expose()).toContain("\nnodejs_heap_share 0.125\n");
  });

  test("every metric of the table is declared with its help and type, and no two servers share values", () => {
    const metrics = createServerMetrics();
    metrics.framesSent.increment();
    const { types, help } = parseExposition(metrics.expose());
    for (const { name, type, help: text } of Object.values(SERVER_METRICS)) {
      expect(types.get(name)).toBe(type);
      expect(help.get(name)).toBe(text);
    }
    expect(createServerMetrics().framesSent.value).toBe(0);
  });

  test("names follow the convention: a prefix, a unit, and _total on counters alone", () => {
    for (const { name, type } of Object.values(SERVER_METRICS)) {
      expect(name).toMatch(/^(?:tachikoma|process|nodejs)_[a-z_0-9]+$/);
      expect(name.endsWith("_total"), name).toBe(type === "counter");
      expect(name).not.toMatch(/_(?:ms|millis|kb|mb)(?:_|$)/);
    }
  });
});
