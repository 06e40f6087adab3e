import type { Position } from "@tachikoma/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { advance, type Cursor, cursorAt, judge, type Span } from "./channel-cursor.ts";

function position(seq: number, tag = seq === 0 ? "0" : `t${seq}`, epoch = "ep"): Position {
  return { epoch, seq, tag };
}

function record(seq: number): Span {
  return { firstSeq: seq, last: position(seq), content: { kind: "record" } };
}

function delta(firstSeq: number, lastSeq: number, charCount: number, key = "a"): Span {
  return { firstSeq, last: position(lastSeq), content: { kind: "delta", run: { key, charCount } } };
}

function readTo(spans: readonly Span[]): Cursor {
  return spans.reduce<Cursor>((cursor, span) => advance(cursor, span), cursorAt(position(0)));
}

describe("a record", () => {
  const cursor = cursorAt(position(10));

  test.each<[string, Span, string]>([
    ["that is the next one is applied", record(11), "apply"],
    ["that was applied is a duplicate", record(10), "duplicate"],
    ["from before is a duplicate", record(3), "duplicate"],
    ["after a gap is not applied", record(12), "reread"],
    ["of another log is not applied", { ...record(11), last: position(11, "t11", "other") }, "reread"],
    [
      "with the number of an applied one and another tag shows another log",
      { ...record(10), last: position(10, "x") },
      "reread",
    ],
    ["of a merged frame that continues here is applied", delta(11, 40, 100), "apply"],
    ["of a merged frame that ends here is a duplicate", delta(4, 10, 100), "duplicate"],
    ["of a merged frame that ends before is a duplicate", delta(4, 9, 100), "duplicate"],
    [
      "of a merged frame that reaches over is read again where the run is not known",
      delta(4, 12, 100),
      "reread",
    ],
    [
      "that is not for this session may reach over",
      { firstSeq: 4, last: position(12), content: { kind: "gap" } },
      "apply",
    ],
  ])("%s", (_, span, verdict) => {
    expect(judge(cursor, span, undefined).kind).toBe(verdict);
  });
});

describe("a merged frame that begins before the cursor", () => {
  const boundary = record(1);
  const reader = readTo([boundary, delta(2, 4, 30), delta(5, 5, 12)]);

  test("is cut where the reader stands, when the stream began before the run", () => {
    const stream = readTo([boundary]);
    expect(judge(reader, delta(2, 9, 100), stream)).toEqual({ kind: "trim", skipChars: 42 });
  });

  test("is cut where the reader stands, when the stream is inside the run", () => {
    const stream = readTo([boundary, delta(2, 3, 20)]);
    expect(judge(reader, delta(4, 9, 100), stream)).toEqual({ kind: "trim", skipChars: 22 });
  });

  test("is read again when the stream began inside the run, so that its ruler is not known", () => {
    expect(judge(reader, delta(4, 9, 100), cursorAt(position(3)))).toEqual({ kind: "reread" });
  });

  test("is read again when the reader began inside the run", () => {
    const late = advance(cursorAt(position(4)), delta(5, 5, 12));
    expect(judge(late, delta(2, 9, 100), readTo([boundary]))).toEqual({ kind: "reread" });
  });

  test("is cut for a reader that began anywhere, once it has passed a record that is never merged", () => {
    const late = [record(11), delta(12, 12, 7)].reduce<Cursor>(
      (cursor, span) => advance(cursor, span),
      cursorAt(position(10)),
    );
    const stream = advance(cursorAt(position(10)), record(11));
    expect(judge(late, delta(12, 14, 50), stream)).toEqual({ kind: "trim", skipChars: 7 });
  });

  test("is cut by what belongs to its own run only, where the same part has an earlier one", () => {
    const twice = readTo([delta(1, 3, 30), record(4), delta(5, 5, 9)]);
    // This stream knows nothing of the earlier run.
    const stream = advance(cursorAt(position(3)), record(4));
    expect(judge(twice, delta(5, 8, 50), stream)).toEqual({ kind: "trim", skipChars: 9 });
  });

  test("is read again when the frame does not follow the stream", () => {
    expect(judge(reader, delta(3, 9, 100), readTo([boundary]))).toEqual({ kind: "reread" });
  });

  test("is read again when it is shorter than what the reader has of it", () => {
    expect(judge(reader, delta(2, 9, 41), readTo([boundary]))).toEqual({ kind: "reread" });
  });
});

/** A log of deltas of two parts and other records, each with a text of its own. */
const LOG = fc.array(fc.record({ part: fc.constantFrom("a", "a", "a", "b", undefined), chars: fc.nat(4) }), {
  minLength: 1,
  maxLength: 30,
});
const CUTS = fc.infiniteStream(fc.integer({ min: 1, max: 5 }));

type LogRecord = { readonly part: string | undefined; readonly text: string };

/** Frames for the records after `fromSeq`, each of them a run or a piece of one. */
function framesOf(
  log: readonly LogRecord[],
  fromSeq: number,
  cuts: Iterator<number>,
): { span: Span; text: string }[] {
  const frames: { span: Span; text: string }[] = [];
  let seq = fromSeq;
  while (seq < log.length) {
    const { part } = log[seq]!;
    const maxLastSeq = seq + (cuts.next().value as number);
    let lastSeq = seq + 1;
    while (part !== undefined && lastSeq < maxLastSeq && log[lastSeq]?.part === part) lastSeq += 1;
    const text = log
      .slice(seq, lastSeq)
      .map((item) => item.text)
      .join("");
    const span = part === undefined ? record(lastSeq) : delta(seq + 1, lastSeq, text.length, part);
    frames.push({ span, text });
    seq = lastSeq;
  }
  return frames;
}

test("whatever is sent again and however it is cut, a reader of the whole run gets each character once", () => {
  fc.assert(
    fc.property(LOG, fc.nat(30), fc.nat(30), CUTS, CUTS, (parts, readCount, streamCount, cuts, otherCuts) => {
      const log = parts.map(({ part, chars }, index) => ({ part, text: `<${index}${".".repeat(chars)}>` }));
      // The reader has come so far with frames cut in one way ...
      let reader = cursorAt(position(0));
      let text = "";
      for (const frame of framesOf(log, 0, cuts).slice(0, readCount)) {
        reader = advance(reader, frame.span);
        text += frame.text;
      }
      // ... and the stream begins again, somewhere before, with frames cut in another way.
      let stream: Cursor = cursorAt(position(0));
      for (const [index, frame] of framesOf(log, 0, otherCuts).entries()) {
        const isSeen = index >= streamCount || frame.span.last.seq > reader.position.seq;
        if (isSeen) {
          const verdict = judge(reader, frame.span, stream);
          expect(verdict.kind).not.toBe("reread");
          if (verdict.kind === "apply" || verdict.kind === "trim") {
            const skipChars = verdict.kind === "trim" ? verdict.skipChars : 0;
            text += frame.text.slice(skipChars);
            reader = advance(reader, frame.span, skipChars);
          }
        }
        stream = advance(stream, frame.span);
      }
      expect(text).toBe(log.map((item) => item.text).join(""));
    }),
    { numRuns: 2_000 },
  );
});

test("a reader whose ruler is not known never gets a character twice either: it reads again", () => {
  fc.assert(
    fc.property(LOG, fc.nat(30), CUTS, (parts, startSeq, cuts) => {
      const log = parts.map(({ part, chars }, index) => ({ part, text: `<${index}${".".repeat(chars)}>` }));
      const from = Math.min(startSeq, log.length);
      let reader = cursorAt(position(from));
      let stream: Cursor = cursorAt(position(0));
      let text = "";
      for (const frame of framesOf(log, 0, cuts)) {
        const verdict = judge(reader, frame.span, stream);
        stream = advance(stream, frame.span);
        if (verdict.kind === "reread") {
          // What the server does when it is asked: it begins right behind the reader.
          stream = cursorAt(reader.position);
          for (const again of framesOf(log, reader.position.seq, cuts)) {
            expect(judge(reader, again.span, stream).kind).toBe("apply");
            reader = advance(reader, again.span);
            stream = advance(stream, again.span);
            text += again.text;
          }
          break;
        }
        if (verdict.kind === "duplicate") continue;
        const skipChars = verdict.kind === "trim" ? verdict.skipChars : 0;
        text += frame.text.slice(skipChars);
        reader = advance(reader, frame.span, skipChars);
      }
      expect(text).toBe(
        log
          .slice(from)
          .map((item) => item.text)
          .join(""),
      );
    }),
    { numRuns: 2_000 },
  );
});
