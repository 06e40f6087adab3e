import { type History, placeKey } from "./history.ts";
import type { HistoryRecord } from "./history-record.ts";

/** What one observer says stands at one place of a log. */
export interface Observation {
  readonly key: string;
  readonly tag: string;
  readonly val: string;
  readonly record: HistoryRecord;
}

/** Every statement in the history about a single record: dumps first, since they cover what merged deliveries do not. */
export function* observations(history: History): Generator<Observation> {
  for (const { record } of history.dumps.values()) {
    for (const { seq, tag, val } of record.entries) {
      yield { key: placeKey(record.stream, record.epoch, seq), tag, val, record };
    }
  }
  for (const { invoke, answer } of history.publishes.values()) {
    if (answer?.kind !== "pub.ok") continue;
    yield {
      key: placeKey(answer.stream, answer.epoch, answer.seq),
      tag: answer.tag,
      val: invoke.val,
      record: answer,
    };
  }
  for (const record of history.records) {
    if (record.kind !== "apply" && record.kind !== "wire") continue;
    if (record.fromSeq !== undefined && record.fromSeq !== record.seq) continue;
    yield {
      key: placeKey(record.stream, record.epoch, record.seq),
      tag: record.tag,
      val: record.val,
      record,
    };
  }
}

/** What stands at each place that anything is known about; the first statement counts. */
export function contentByPlace(history: History): Map<string, Observation> {
  const content = new Map<string, Observation>();
  for (const observation of observations(history)) {
    if (!content.has(observation.key)) content.set(observation.key, observation);
  }
  return content;
}

/** The records that a merged delivery covers; `undefined` when something is not known of one of them. */
export function coveredContent(
  content: ReadonlyMap<string, Observation>,
  delivery: {
    readonly stream: string;
    readonly epoch: string;
    readonly seq: number;
    readonly fromSeq?: number;
  },
): Observation[] | undefined {
  const covered: Observation[] = [];
  for (let seq = delivery.fromSeq ?? delivery.seq; seq <= delivery.seq; seq += 1) {
    const observation = content.get(placeKey(delivery.stream, delivery.epoch, seq));
    if (observation === undefined) return undefined;
    covered.push(observation);
  }
  return covered;
}
