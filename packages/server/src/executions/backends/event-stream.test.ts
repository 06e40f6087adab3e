import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EventStreamParser, type ServerSentEvent } from "./event-stream.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function parse(text: string, maxEventBytes?: number): ServerSentEvent[] {
  return new EventStreamParser(maxEventBytes).push(encode(text));
}

describe("the standard", () => {
  test.each<[what: string, stream: string, events: ServerSentEvent[]]>([
    ["one line", "data: a\n\n", [{ name: "message", data: "a" }]],
    ["no space after the colon", "data:a\n\n", [{ name: "message", data: "a" }]],
    ["only the first space goes", "data:  a\n\n", [{ name: "message", data: " a" }]],
    ["colons in the value", "data: a:b: c\n\n", [{ name: "message", data: "a:b: c" }]],
    ["several lines", "data: a\ndata: b\ndata\ndata: c\n\n", [{ name: "message", data: "a\nb\n\nc" }]],
    ["a name", "event: ping\ndata: a\n\n", [{ name: "ping", data: "a" }]],
    ["the last name counts", "event: x\nevent: y\ndata: a\n\n", [{ name: "y", data: "a" }]],
    [
      "a name lasts for one event",
      "event: x\ndata: a\n\ndata: b\n\n",
      [
        { name: "x", data: "a" },
        { name: "message", data: "b" },
      ],
    ],
    ["a name without data is nothing", "event: x\n\ndata: a\n\n", [{ name: "message", data: "a" }]],
    ["empty data is an event", "data:\n\n", [{ name: "message", data: "" }]],
    ["data without a colon is an event", "data\n\n", [{ name: "message", data: "" }]],
    ["comments", ": hello\n\n:\n\ndata: a\n: between\ndata: b\n\n", [{ name: "message", data: "a\nb" }]],
    ["unknown fields", "id: 1\nretry: 5\nfoo: bar\nbaz\ndata: a\n\n", [{ name: "message", data: "a" }]],
    ["CRLF", "data: a\r\ndata: b\r\n\r\n", [{ name: "message", data: "a\nb" }]],
    ["CR", "data: a\rdata: b\r\r", [{ name: "message", data: "a\nb" }]],
    [
      "mixed ends of lines",
      "data: a\r\ndata: b\r\ndata: c\n\rdata: d\n\n",
      [
        { name: "message", data: "a\nb\nc" },
        { name: "message", data: "d" },
      ],
    ],
    ["blank lines in between", "\n\n\ndata: a\n\n\n\n", [{ name: "message", data: "a" }]],
    ["a byte order mark at the start", "\uFEFFdata: a\n\n", [{ name: "message", data: "a" }]],
    [
      "a byte order mark elsewhere is text",
      "data: \uFEFFa\n\n\uFEFFdata: b\n\n",
      [{ name: "message", data: "\uFEFFa" }],
    ],
    ["a byte order mark on an empty first line", "\uFEFF\ndata: a\n\n", [{ name: "message", data: "a" }]],
    ["an event without its blank line", "data: a\n\ndata: b\n", [{ name: "message", data: "a" }]],
  ])("%s", (_what, stream, events) => {
    expect(parse(stream)).toEqual(events);
  });

  test("a carriage return at the end of a read completes the event at once", () => {
    const parser = new EventStreamParser();
    expect(parser.push(encode("data: a\r\n\r"))).toEqual([{ name: "message", data: "a" }]);
    expect(parser.push(encode("\ndata: b\r\n\r\n"))).toEqual([{ name: "message", data: "b" }]);
  });
});

describe("limits", () => {
  test("an event of exactly the limit passes, one byte more does not", () => {
    const line = `data: ${"x".repeat(94)}`;
    expect(parse(`${line}\n\n`, 100)).toHaveLength(1);
    expect(() => parse(`${line}y\n\n`, 100)).toThrow(
      expect.objectContaining({ code: "UPSTREAM_INVALID", message: expect.stringContaining("100 bytes") }),
    );
  });

  test("bytes count, not characters", () => {
    expect(() => parse(`data: ${"ü".repeat(48)}\n\n`, 100)).toThrow(/100 bytes/);
    expect(parse(`data: ${"ü".repeat(47)}\n\n`, 100)).toHaveLength(1);
  });

  test("a line that never ends is refused before it is whole", () => {
    const parser = new EventStreamParser(1000);
    const push = () => {
      for (let count = 0; count < 20; count++) parser.push(encode("x".repeat(100)));
    };
    expect(push).toThrow(/1000 bytes/);
  });

  test("many lines of one event count together, the empty ones too", () => {
    expect(() => parse(`${"data: 0123456789\n".repeat(20)}\n`, 100)).toThrow(/100 bytes/);
    expect(() => parse(`${"data\n".repeat(200)}\n`, 100)).toThrow(/100 bytes/);
  });

  test("comments of a long silence and earlier events do not add up", () => {
    expect(parse(`${": still here\n".repeat(1000)}data: a\n\n`, 100)).toHaveLength(1);
    expect(parse("data: 0123456789\n\n".repeat(1000), 100)).toHaveLength(1000);
    expect(parse(`${"event: a-name-of-some-length\n".repeat(1000)}data: a\n\n`, 100)).toHaveLength(1);
  });
});

describe("any stream", () => {
  const lineText = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n]/g, ""));
  const event = fc.record({
    name: lineText.map((name) => (name === "" ? "message" : name)),
    data: fc.array(lineText, { minLength: 1, maxLength: 4 }).map((lines) => lines.join("\n")),
  });
  const scenario = fc.record({
    events: fc.array(event, { maxLength: 6 }),
    lineEnd: fc.constantFrom("\n", "\r", "\r\n"),
    comment: fc.option(lineText),
    hasByteOrderMark: fc.boolean(),
    readSizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 }),
  });

  test("gives back what was written, however the network cuts it", () => {
    fc.assert(
      fc.property(scenario, ({ events, lineEnd, comment, hasByteOrderMark, readSizes }) => {
        const lines = events.flatMap(({ name, data }) => [
          ...(comment === null ? [] : [`:${comment}`]),
          ...(name === "message" ? [] : [`event: ${name}`]),
          ...data.split("\n").map((line) => `data: ${line}`),
          "",
        ]);
        const text = lines.map((line) => line + lineEnd).join("");
        const bytes = encode((hasByteOrderMark ? "\uFEFF" : "") + text);
        const parser = new EventStreamParser();
        const found: ServerSentEvent[] = [];
        for (let at = 0, read = 0; at < bytes.length; read++) {
          const size = readSizes[read % readSizes.length] ?? 1;
          found.push(...parser.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(found).toEqual(events);
      }),
      { numRuns: 500 },
    );
  });

  test("never fails on bytes that mean nothing, and reads them the same in one read or in many", () => {
    const byte = fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(...encode("data: event:\r\n\r\n\uFEFF")),
    );
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 200 }), (bytes) => {
        const whole = new EventStreamParser().push(Uint8Array.from(bytes));
        const parser = new EventStreamParser();
        expect(bytes.flatMap((one) => parser.push(Uint8Array.of(one)))).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });
});
