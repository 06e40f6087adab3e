import fc from "fast-check";
import { expect, test } from "vitest";
import { COMMENT, EventParser } from "./event-parser.ts";

function parse(pieces: readonly string[]) {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

test("events, comments and fields that are not known", () => {
  const text =
    "retry: 1000\n\n: hb\n\nid: 1\ndata: one\n\nevent: end\ndata:two\ndata\nnonsense\n\nevent: empty\n\ndata: cut";
  expect(parse([text])).toEqual([COMMENT, { name: "message", data: "one" }, { name: "end", data: "two\n" }]);
});

test("line ends of other systems", () => {
  expect(parse(["data: one\r\n\r\n", "data: two\r", "\n\r\n"])).toEqual([
    { name: "message", data: "one" },
    { name: "message", data: "two" },
  ]);
});

test("wherever the stream is cut into pieces", () => {
  fc.assert(
    fc.property(fc.array(fc.json(), { maxLength: 5 }), fc.array(fc.nat({ max: 40 })), (texts, lengths) => {
      const stream = texts.map((text) => `: hb\n\nid: x\ndata: ${text}\n\n`).join("");
      const pieces: string[] = [];
      let at = 0;
      for (const length of lengths) {
        pieces.push(stream.slice(at, at + length));
        at += length;
      }
      pieces.push(stream.slice(at));
      const expected = texts.flatMap((data) => [COMMENT, { name: "message", data }]);
      expect(parse(pieces)).toEqual(expected);
    }),
  );
});
