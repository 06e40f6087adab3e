import fc from "fast-check";
import { expect, test } from "vitest";
import { bytePieces, contentOf, encodeRecord, jsonPiece, MAX_PIECE_BYTES, markOf } from "./record-codec.ts";

function stored(body: string) {
  return { type: "message" as const, body, seq: 1, tag: "t", timeMs: 0 };
}

/** What comes back of pieces that went through records. */
function throughRecords(pieces: ReturnType<typeof bytePieces>): Buffer {
  const contents = pieces.map((piece) => {
    const record = stored(encodeRecord({ k: piece.kind, n: 9, z: 1 }, piece).body);
    JSON.parse(record.body);
    const content = contentOf(record, markOf(record))!;
    expect(content.length).toBe(piece.byteCount);
    return content;
  });
  return Buffer.concat(contents);
}

test("any bytes come back as they were", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      expect(throughRecords(bytePieces(Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
    }),
  );
});

test("long text is cut between characters and stays text, long bytes are cut anywhere", () => {
  const text = Buffer.from("x😀é".repeat(60_000));
  const pieces = bytePieces(text);
  expect(pieces.length).toBeGreaterThan(2);
  expect(new Set(pieces.map(({ kind }) => kind))).toEqual(new Set(["t"]));
  for (const { byteCount } of pieces) expect(byteCount).toBeLessThanOrEqual(MAX_PIECE_BYTES);
  expect(throughRecords(pieces)).toEqual(text);

  const controls = Buffer.alloc(1000);
  expect(bytePieces(controls).map(({ kind }) => kind)).toEqual(["b"]);
  expect(throughRecords(bytePieces(controls))).toEqual(controls);

  const bytes = Buffer.alloc(MAX_PIECE_BYTES * 2 + 1, 0xff);
  expect(bytePieces(bytes).map(({ kind, byteCount }) => [kind, byteCount])).toEqual([
    ["b", MAX_PIECE_BYTES],
    ["b", MAX_PIECE_BYTES],
    ["b", 1],
  ]);
  expect(throughRecords(bytePieces(bytes))).toEqual(bytes);
});

test("a message keeps every character, a record without content has none", () => {
  const message = '{"a": 12345678901234567890.10, "b":"]," }';
  expect(throughRecords([jsonPiece(message)]).toString()).toBe(message);
  const event = stored(encodeRecord({ k: "-", n: 3, z: 1, d: { close: true } }, undefined).body);
  expect(markOf(event)).toEqual({ k: "-", n: 3, z: 1, d: { close: true } });
  expect(contentOf(event, markOf(event))).toBeUndefined();
});
