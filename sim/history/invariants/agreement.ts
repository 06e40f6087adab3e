import type { History } from "../history.ts";
import { contentByPlace, coveredContent, observations } from "../stream-content.ts";
import type { Violation } from "../violation.ts";

/** C1: one place in one log holds one value with one tag, whoever looks. */
export function checkAgreement(history: History): Violation[] {
  const violations: Violation[] = [];
  const content = contentByPlace(history);
  for (const { key, tag, val, record } of observations(history)) {
    const known = content.get(key)!;
    if (known.tag === tag && known.val === val) continue;
    violations.push({
      invariant: "C1",
      text: `two records stand at ${key}`,
      records: [known.record, record],
    });
  }
  for (const record of history.records) {
    if (record.kind !== "apply" && record.kind !== "wire") continue;
    if (record.fromSeq === undefined || record.fromSeq === record.seq) continue;
    const covered = coveredContent(content, record);
    if (covered === undefined) continue;
    const isSame =
      covered.map(({ val }) => val).join("") === record.val && covered.at(-1)?.tag === record.tag;
    if (isSame) continue;
    const text = `records ${record.fromSeq} to ${record.seq} of ${record.stream} do not join to what was delivered`;
    violations.push({
      invariant: "C1",
      text,
      records: [...new Set(covered.map((one) => one.record)), record],
    });
  }
  return violations;
}
