import fc from "fast-check";
import { expect, test } from "vitest";
import { SequenceBook, SequencePage } from "./sequence-book.ts";

test("the place of every number is that of the record behind its chunk, however many records each covered", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 200 }),
      fc.nat(50),
      (covered, first) => {
        const page = new SequencePage("x1", "epoch");
        const seqs: number[] = [];
        let seq = first;
        for (const [sequence, count] of covered.entries()) {
          seq += count;
          seqs.push(seq);
          page.note(sequence, seq);
        }
        for (const [sequence, place] of seqs.entries()) expect(page.placeAfter(sequence)?.seq).toBe(place);
        expect(page.placeAfter(covered.length)).toBeUndefined();
      },
    ),
  );
});

test("of a stream beyond all measure the end is remembered, and of many streams the last ones", () => {
  const page = new SequencePage("x1", "epoch");
  for (let sequence = 0; sequence < 5_000; sequence += 1) page.note(sequence, sequence * 2);
  expect(page.placeAfter(0)).toBeUndefined();
  expect(page.placeAfter(4_999)).toMatchObject({ executionId: "x1", epoch: "epoch", seq: 9_998 });
  const book = new SequenceBook();
  for (let reader = 0; reader < 2_000; reader += 1) book.open(`${reader}`, page);
  expect(book.placeAfter("0", 4_999)).toBeUndefined();
  expect(book.placeAfter("1999", 4_999)).toBeDefined();
});
