import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NewRecord } from "../store.ts";
import { packRecords, type StreamEntry, unpackEntry } from "./redis-piece.ts";

const record: fc.Arbitrary<NewRecord> = fc
  .record({
    type: fc.constantFrom("message", "chunk", "execution_started"),
    body: fc.json({ maxDepth: 1 }),
    sender: fc.option(fc.constantFrom("phone", "laptop"), { nil: undefined }),
    executionId: fc.option(fc.constantFrom("e1", "e2"), { nil: undefined }),
    exclude: fc.option(fc.array(fc.constantFrom("s1", "s2"), { maxLength: 2 }), { nil: undefined }),
  })
  .map((fields) => JSON.parse(JSON.stringify(fields)) as NewRecord);

function entryOf(records: readonly NewRecord[], firstSeq = 1): StreamEntry {
  const { kinds, bodies, byteCount } = packRecords(records);
  const fields = ["first", `${firstSeq}`, "tag", "t", "time", "7", "bytes", `${byteCount}`];
  return [`${firstSeq + records.length - 1}-0`, [...fields, "kinds", kinds, "bodies", bodies]];
}

describe("records of one append", () => {
  test("come back as they were, with seq, tag and time", () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 2 ** 52 }),
        (records, firstSeq) => {
          const expected = records.map((one, index) => ({
            ...one,
            seq: firstSeq + index,
            tag: "t",
            timeMs: 7,
          }));
          expect(unpackEntry(entryOf(records, firstSeq))).toEqual(expected);
        },
      ),
    );
  });

  test("say their kind once where it is the same", () => {
    const chunk = (body: string): NewRecord => ({ type: "chunk", executionId: "e1", body });
    expect(packRecords([chunk("1"), chunk("22"), { type: "message", body: "é" }])).toEqual({
      kinds: '[["chunk","e1",null,null,1,2],["message",null,null,null,1]]',
      bodies: "122é",
      byteCount: 5,
    });
  });
});

describe("an entry that somebody else has written", () => {
  const good = entryOf([
    { type: "message", body: "1" },
    { type: "message", body: "2" },
  ]);
  const withField = (name: string, value: string | undefined): StreamEntry => {
    const fields = [...good[1]];
    const at = fields.indexOf(name);
    fields.splice(at, 2, ...(value === undefined ? [] : [name, value]));
    return [good[0], fields];
  };

  test.each([
    ["lacks a field", withField("tag", undefined), "field tag is missing"],
    ["has no number for one", withField("first", "one"), "field first is not an integer"],
    ["has an empty one", withField("time", ""), "field time is not an integer"],
    ["is not JSON", withField("kinds", "[["), "field kinds is not JSON"],
    ["is other JSON", withField("kinds", "{}"), "field kinds is not what it should be"],
    ["has other groups", withField("kinds", '[["message",1,null,null,1]]'), "not what it should be"],
    ["has too long a body", withField("bodies", "123"), "do not fit together"],
    ["has too short a body", withField("bodies", "1"), "do not fit together"],
    ["has nothing in it", withField("kinds", "[]"), "do not fit together"],
    ["lies under another id", ["9-0", good[1]] as const, "not that of the last record"],
  ])("and that %s is refused", (_what, entry, why) => {
    expect(() => unpackEntry(entry)).toThrow(why);
  });
});
