import { exposeMetrics, type MetricSnapshot, type MetricType } from "./exposition.ts";
import { Family, type Instrument } from "./family.ts";
import { Counter, CounterReader, Gauge, Histogram } from "./instruments.ts";

export interface MetricDescription {
  readonly name: string;
  readonly help: string;
}

export interface LabelledDescription<Names extends readonly string[]> extends MetricDescription {
  readonly labels: Names;
}

const METRIC_NAME = /^[a-z][a-z0-9_]*$/;
const LABEL_NAME = /^[a-z][a-z0-9_]*$/;

/** The metrics of one server, in the order in which they were declared. */
export class MetricRegistry {
  readonly #metrics = new Map<string, MetricSnapshot>();

  counter(description: MetricDescription): Counter {
    return this.#addSingle("counter", description, new Counter());
  }

  /** A counter that something else keeps, such as the operating system. */
  counterFrom(description: MetricDescription, read: () => number): void {
    this.#addSingle("counter", description, new CounterReader(read));
  }

  gauge(description: MetricDescription): Gauge {
    return this.#addSingle("gauge", description, new Gauge());
  }

  /** `bounds` are the upper ends of the buckets, growing, without infinity. */
  histogram(description: MetricDescription, bounds: readonly number[]): Histogram {
    return this.#addSingle("histogram", description, createHistogram(bounds));
  }

  counters<const Names extends readonly string[]>(
    description: LabelledDescription<Names>,
  ): Family<Counter, Names> {
    return this.#addFamily("counter", description, () => new Counter());
  }

  gauges<const Names extends readonly string[]>(
    description: LabelledDescription<Names>,
  ): Family<Gauge, Names> {
    return this.#addFamily("gauge", description, () => new Gauge());
  }

  histograms<const Names extends readonly string[]>(
    description: LabelledDescription<Names>,
    bounds: readonly number[],
  ): Family<Histogram, Names> {
    return this.#addFamily("histogram", description, () => createHistogram(bounds));
  }

  /** All metrics in Prometheus text format. */
  expose(): string {
    return exposeMetrics(this.#metrics.values());
  }

  #addSingle<Child extends Instrument>(
    type: MetricType,
    description: MetricDescription,
    child: Child,
  ): Child {
    this.#add({ ...description, type, labelNames: [], series: [{ labelValues: [], child }] });
    return child;
  }

  #addFamily<Child extends Instrument, const Names extends readonly string[]>(
    type: MetricType,
    description: LabelledDescription<Names>,
    createChild: () => Child,
  ): Family<Child, Names> {
    const { name, help, labels } = description;
    for (const label of labels) {
      // `le` belongs to the buckets of histograms.
      if (!LABEL_NAME.test(label) || label === "le")
        throw new Error(`"${label}" of ${name} is no label name`);
    }
    const family = new Family(labels, createChild);
    this.#add({ name, help, type, labelNames: labels, series: { [Symbol.iterator]: () => iterate(family) } });
    return family;
  }

  #add(metric: MetricSnapshot): void {
    if (!METRIC_NAME.test(metric.name)) throw new Error(`"${metric.name}" is no metric name`);
    if (this.#metrics.has(metric.name)) throw new Error(`Metric ${metric.name} is declared twice`);
    this.#metrics.set(metric.name, metric);
  }
}

function iterate<Child extends Instrument>(family: Family<Child, readonly string[]>) {
  return family.children()[Symbol.iterator]();
}

function createHistogram(bounds: readonly number[]): Histogram {
  const isGrowing = bounds.every(
    (bound, index) => Number.isFinite(bound) && (index === 0 || bound > bounds[index - 1]!),
  );
  if (!isGrowing) throw new Error(`Histogram bounds must grow and be finite: ${bounds.join(", ")}`);
  return new Histogram(bounds);
}
