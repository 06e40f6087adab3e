import { describe, expect, test } from "vitest";
import { MAX_CHILDREN } from "./family.ts";
import { MetricRegistry } from "./registry.ts";
import { parseExposition } from "./testing/parse-exposition.ts";

function samplesOf(registry: MetricRegistry) {
  return parseExposition(registry.expose()).samples;
}

describe("counters and gauges", () => {
  test("count, set and read back", () => {
    const registry = new MetricRegistry();
    const counter = registry.counter({ name: "things_total", help: "Things." });
    const gauge = registry.gauge({ name: "level", help: "Level." });
    counter.increment();
    counter.increment(3);
    gauge.set(5);
    gauge.add(-7.5);
    expect(samplesOf(registry)).toEqual([
      { name: "things_total", labels: {}, value: 4 },
      { name: "level", labels: {}, value: -2.5 },
    ]);
  });

  test("a gauge or counter that reads asks at every exposition", () => {
    const registry = new MetricRegistry();
    let value = 1;
    registry.gauge({ name: "level", help: "Level." }).readFrom(() => value);
    registry.counterFrom({ name: "ticks_total", help: "Ticks." }, () => value * 10);
    expect(samplesOf(registry).map((sample) => sample.value)).toEqual([1, 10]);
    value = 2;
    expect(samplesOf(registry).map((sample) => sample.value)).toEqual([2, 20]);
  });

  test("special numbers are written as Prometheus spells them", () => {
    const registry = new MetricRegistry();
    const gauge = registry.gauge({ name: "level", help: "Level." });
    for (const [value, text] of [
      [Number.POSITIVE_INFINITY, "+Inf"],
      [Number.NEGATIVE_INFINITY, "-Inf"],
      [Number.NaN, "NaN"],
      [1e21, "1e+21"],
    ] as const) {
      gauge.set(value);
      expect(registry.expose()).toContain(`\nlevel ${text}\n`);
    }
  });
});

describe("labels", () => {
  test("each set of values has its own child, and the same set the same one", () => {
    const registry = new MetricRegistry();
    const family = registry.counters({
      name: "requests_total",
      help: "Requests.",
      labels: ["method", "code"],
    });
    const child = family.child("GET", "200");
    child.increment();
    family.child("GET", "404").increment(2);
    expect(family.child("GET", "200")).toBe(child);
    expect(samplesOf(registry)).toEqual([
      { name: "requests_total", labels: { method: "GET", code: "200" }, value: 1 },
      { name: "requests_total", labels: { method: "GET", code: "404" }, value: 2 },
    ]);
  });

  test("beyond the bound new values share one child, known ones keep theirs", () => {
    const registry = new MetricRegistry();
    const family = registry.counters({ name: "requests_total", help: "Requests.", labels: ["path"] });
    const first = family.child("/0");
    for (let index = 0; index < MAX_CHILDREN + 500; index += 1) family.child(`/${index}`).increment();
    first.increment();
    const samples = samplesOf(registry);
    expect(samples).toHaveLength(MAX_CHILDREN + 1);
    expect(samples.at(-1)).toEqual({ name: "requests_total", labels: { path: "other" }, value: 500 });
    expect(samples[0]!.value).toBe(2);
  });

  test("values and help texts with quotes, backslashes and line breaks come back as they were", () => {
    const registry = new MetricRegistry();
    const odd = 'a "quoted" \\ back\\nslash\nand a new line, {x="y"} €';
    const help = 'Help with "quotes", a \\ and\na break.';
    registry
      .counters({ name: "odd_total", help, labels: ["value"] })
      .child(odd)
      .increment();
    const parsed = parseExposition(registry.expose());
    expect(parsed.samples).toEqual([{ name: "odd_total", labels: { value: odd }, value: 1 }]);
    expect(parsed.help.get("odd_total")).toBe(help);
  });

  test("values that would join to the same text stay apart", () => {
    const registry = new MetricRegistry();
    const family = registry.counters({ name: "pairs_total", help: "Pairs.", labels: ["a", "b"] });
    expect(family.child("x,y", "z")).not.toBe(family.child("x", "y,z"));
  });
});

describe("histograms", () => {
  test("buckets are cumulative, their bounds inclusive, and end with +Inf, sum and count", () => {
    const registry = new MetricRegistry();
    const histogram = registry.histogram({ name: "wait_seconds", help: "Wait." }, [0.1, 1, 10]);
    for (const value of [0.05, 0.1, 0.5, 5, 100]) histogram.observe(value);
    const samples = samplesOf(registry);
    expect(samples.map(({ name, labels, value }) => [name, labels["le"], value])).toEqual([
      ["wait_seconds_bucket", "0.1", 2],
      ["wait_seconds_bucket", "1", 3],
      ["wait_seconds_bucket", "10", 4],
      ["wait_seconds_bucket", "+Inf", 5],
      ["wait_seconds_sum", undefined, 105.65],
      ["wait_seconds_count", undefined, 5],
    ]);
  });

  test("with labels each child has its own buckets", () => {
    const registry = new MetricRegistry();
    const family = registry.histograms({ name: "wait_seconds", help: "Wait.", labels: ["store"] }, [1]);
    family.child("memory").observe(0.5);
    family.child("disk").observe(2);
    const buckets = samplesOf(registry).filter((sample) => sample.name === "wait_seconds_bucket");
    expect(buckets.map(({ labels, value }) => [labels["store"], labels["le"], value])).toEqual([
      ["memory", "1", 1],
      ["memory", "+Inf", 1],
      ["disk", "1", 0],
      ["disk", "+Inf", 1],
    ]);
  });

  test.each([[[1, 1]], [[2, 1]], [[1, Number.POSITIVE_INFINITY]], [[Number.NaN]]])(
    "bounds %j are refused",
    (bounds) => {
      expect(() => new MetricRegistry().histogram({ name: "wait_seconds", help: "Wait." }, bounds)).toThrow(
        "bounds",
      );
    },
  );
});

describe("declarations", () => {
  test("a name is declared once", () => {
    const registry = new MetricRegistry();
    registry.counter({ name: "things_total", help: "Things." });
    expect(() => registry.gauge({ name: "things_total", help: "Things." })).toThrow("declared twice");
  });

  test.each(["", "9lives", "with-dash", "Größe"])("%o is no name", (name) => {
    expect(() => new MetricRegistry().counter({ name, help: "" })).toThrow("no metric name");
    expect(() => new MetricRegistry().counters({ name: "a_total", help: "", labels: [name] })).toThrow(
      "no label name",
    );
  });
});
