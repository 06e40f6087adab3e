import type { CheckOptions } from "../check-options.ts";
import type { Delivery, History } from "../history.ts";
import { coveredContent, forEachObservation, isMerged } from "../stream-content.ts";
import type { Violation } from "../violation.ts";

/** C1: one place in one log holds one value with one tag, whoever looks. */
export function checkAgreement(history: History, { areNumbersUnique }: CheckOptions): Violation[] {
  const violations: Violation[] = [];
  const { content, deliveries } = history;
  forEachObservation(history, (place, { tag, val, record }) => {
    const known = content.get(place)!;
    if (known.tag === tag && known.val === val) return;
    if (known.tag !== tag && !areNumbersUnique) return;
    violations.push({
      invariant: "C1",
      text: `two records stand at ${place.stream} ${place.epoch} ${place.seq}`,
      records: [known.record, record],
    });
  });
  for (const delivery of deliveries) {
    // Which of the records with its numbers a delivery has joined, only their tags could tell.
    const violation = isMerged(delivery) && areNumbersUnique ? joinFault(history, delivery) : undefined;
    if (violation !== undefined) violations.push(violation);
  }
  return violations;
}

/** What was delivered as one is what its records join to. */
function joinFault({ content }: History, delivery: Delivery): Violation | undefined {
  const covered = coveredContent(content, delivery);
  if (covered === undefined) return undefined;
  let joined = "";
  for (const { val } of covered) joined += val;
  if (joined === delivery.val && covered.at(-1)!.tag === delivery.tag) return undefined;
  const { stream, fromSeq, seq } = delivery;
  return {
    invariant: "C1",
    text: `records ${fromSeq} to ${seq} of ${stream} do not join to what was delivered`,
    records: [...new Set(covered.map((one) => one.record)), delivery],
  };
}
