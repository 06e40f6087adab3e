import fc from "fast-check";
import { expect, test } from "vitest";
import { decideByTag, decideResume } from "./resume-decision.ts";

const state = {
  base: { epoch: "e1", seq: 10, tag: "b" },
  head: { epoch: "e1", seq: 20, tag: "h" },
};

test.each([
  ["not a position", "reset", "invalid_position"],
  ["", "reset", "invalid_position"],
  ["e2.15.x", "reset", "epoch_changed"],
  ["e1.21.h", "reset", "ahead_of_log"],
  ["e1.9.x", "reset", "trimmed"],
  ["e1.0.0", "reset", "trimmed"],
  ["e1.10.b", "continue", undefined],
  ["e1.10.x", "reset", "tag_mismatch"],
  ["e1.20.h", "continue", undefined],
  ["e1.20.x", "reset", "tag_mismatch"],
  ["e1.15.t", "needs_tag", undefined],
])("%j: %s %s", (position, kind, reason) => {
  const decision = decideResume(position, state);
  expect(decision.kind).toBe(kind);
  expect(decision.kind === "reset" ? decision.reason : undefined).toBe(reason);
  if (decision.kind === "reset") expect(decision.from).toEqual(state.base);
});

test("an empty log that was never written to goes on from its origin", () => {
  const origin = { epoch: "e1", seq: 0, tag: "0" };
  expect(decideResume("e1.0.0", { base: origin, head: origin }).kind).toBe("continue");
});

test.each([
  ["t", "continue"],
  ["other", "reset"],
  [undefined, "reset"],
])("tag %j in the log: %s", (tag, kind) => {
  expect(decideByTag({ epoch: "e1", seq: 15, tag: "t" }, tag, state).kind).toBe(kind);
});

test("a reader goes on exactly when it has read this very log and nothing after it is gone", () => {
  const log = fc.record({
    tags: fc.array(fc.constantFrom("x", "y", "z"), { minLength: 1, maxLength: 8 }),
    trimmed: fc.nat(8),
  });
  const reader = fc.record({
    seq: fc.nat(10),
    tag: fc.constantFrom("x", "y", "z"),
    epoch: fc.constantFrom("e", "f"),
  });
  fc.assert(
    fc.property(log, reader, ({ tags, trimmed }, at) => {
      const baseSeq = Math.min(trimmed, tags.length);
      const tagOf = (seq: number) => (seq === 0 ? "0" : tags[seq - 1]!);
      const place = (seq: number) => ({ epoch: "e", seq, tag: tagOf(seq) });
      const ends = { base: place(baseSeq), head: place(tags.length) };
      const text = `${at.epoch}.${at.seq}.${at.seq === 0 ? "0" : at.tag}`;
      const first = decideResume(text, ends);
      const decision = first.kind === "needs_tag" ? decideByTag(first.position, tagOf(at.seq), ends) : first;
      const hasReadThis =
        at.epoch === "e" &&
        at.seq >= baseSeq &&
        at.seq <= tags.length &&
        (at.seq === 0 || tagOf(at.seq) === at.tag);
      expect(decision.kind).toBe(hasReadThis ? "continue" : "reset");
    }),
  );
});
