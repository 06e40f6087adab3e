import type { Delivery, History, Publish } from "./history.ts";
import type { HistoryRecord, RecordOf } from "./history-record.ts";
import { type Place, PlaceMap } from "./place-map.ts";

/** What one observer says stands at one place of a log. */
export interface Observation {
  readonly tag: string;
  readonly val: string;
  readonly record: HistoryRecord;
}

type Visit = (place: Place, observation: Observation) => void;

/** What stands at each place that anything is known about; the first statement counts. */
export function contentByPlace(
  dumps: readonly RecordOf<"log.dump">[],
  publishes: ReadonlyMap<string, Publish>,
  deliveries: readonly Delivery[],
): PlaceMap<Observation> {
  const content = new PlaceMap<Observation>();
  visitObservations(dumps, publishes, deliveries, (place, observation) => {
    if (content.get(place) === undefined) content.set(place, observation);
  });
  return content;
}

/** Every statement in the history about a single record. */
export function forEachObservation(history: History, visit: Visit): void {
  visitObservations(history.ofKind("log.dump"), history.publishes, history.deliveries, visit);
}

/** Dumps first, since they cover what merged deliveries do not. */
function visitObservations(
  dumps: readonly RecordOf<"log.dump">[],
  publishes: ReadonlyMap<string, Publish>,
  deliveries: readonly Delivery[],
  visit: Visit,
): void {
  for (const record of dumps) {
    const { stream, epoch } = record;
    for (const { seq, tag, val } of record.entries) visit({ stream, epoch, seq }, { tag, val, record });
  }
  for (const { invoke, answer } of publishes.values()) {
    if (answer?.kind === "pub.ok") visit(answer, { tag: answer.tag, val: invoke.val, record: answer });
  }
  for (const record of deliveries) {
    if (!isMerged(record)) visit(record, { tag: record.tag, val: record.val, record });
  }
}

export function isMerged(delivery: Delivery): boolean {
  return delivery.fromSeq !== undefined && delivery.fromSeq !== delivery.seq;
}

/** The records that a merged delivery covers; `undefined` when something is not known of one of them. */
export function coveredContent(
  content: PlaceMap<Observation>,
  { stream, epoch, seq: lastSeq, fromSeq }: Delivery,
): Observation[] | undefined {
  const covered: Observation[] = [];
  for (let seq = fromSeq ?? lastSeq; seq <= lastSeq; seq += 1) {
    const observation = content.get({ stream, epoch, seq });
    if (observation === undefined) return undefined;
    covered.push(observation);
  }
  return covered;
}
