/** PROTOCOL.md says what the code does: its samples are messages, and its tables name what there is. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { CHUNK_TYPES } from "./chunk.ts";
import { isChunk } from "./chunk-guard.ts";
import { decodeServerMessage } from "./codec.ts";
import { ERRORS, retryAdviceForClose } from "./errors.ts";
import * as limits from "./limits.ts";
import { MAX_POSITION_CHARS, parsePosition } from "./position.ts";
import { clientMessage } from "./schema/client-messages.ts";
import { decodeClientMessage } from "./schema/decode-client-message.ts";
import { freshReason, resetReason, serverMessage } from "./schema/server-messages.ts";
import { PROTOCOL_VERSION } from "./version.ts";
import { toWireNames } from "./wire-names.ts";

const DOCUMENT = readFileSync(new URL("../../../PROTOCOL.md", import.meta.url), "utf8");

/** Body rows of the table that stands under this header. */
function rowsUnder(header: string): string[][] {
  const lines = DOCUMENT.split("\n");
  const start = lines.indexOf(header);
  expect(start, `There is no table with the header ${header}`).toBeGreaterThan(-1);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return rest.slice(0, end).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

/** Names in code spans, without what stands in brackets. */
function namesIn(cell: string): string[] {
  return [...cell.replace(/\([^)]*\)/g, "").matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
}

type AnyMessage = (typeof clientMessage.options)[number] | (typeof serverMessage.options)[number];

function fieldsOf(option: AnyMessage): string[] {
  const { type: _, ...shape } = option.shape as Record<string, z.ZodType>;
  const marked = Object.entries(shape).map(([name, field]) => [name, field.type === "optional" ? "?" : ""]);
  const wire = toWireNames(Object.fromEntries(marked)) as Record<string, string>;
  return Object.entries(wire).map(([name, mark]) => name + mark);
}

describe("tables of messages", () => {
  test.each([
    ["client", "| Type | Fields | Answer |", clientMessage.options],
    ["server", "| Type | Fields |", serverMessage.options],
  ] as [string, string, AnyMessage[]][])(
    "MSG-2 messages of the %s, with their fields",
    (_, header, options) => {
      const documented = rowsUnder(header).map(([type, fields]) => [
        namesIn(type!)[0]!,
        namesIn(fields!).sort(),
      ]);
      const actual = options.map((option) => [option.shape.type.value, fieldsOf(option).sort()]);
      expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(actual));
    },
  );

  test("reasons", () => {
    const tables = DOCUMENT.split("| `reason` | Meaning |\n|---|---|\n").slice(1);
    const reasons = tables.map((text) =>
      text
        .split("\n\n")[0]!
        .split("\n")
        .map((row) => namesIn(row)[0]),
    );
    expect(reasons).toEqual([freshReason.options, resetReason.options]);
  });
});

describe("CHK-1 the table of chunks", () => {
  const rows = rowsUnder("| Type | Required fields | Optional fields |").flatMap(
    ([types, required, optional]) =>
      namesIn(types!).map((type) => ({ type, required: namesIn(required!), optional: namesIn(optional!) })),
  );
  const sampleOf = (field: string) => (field === "approved" ? true : field === "parts" ? [] : "text");

  test("names every type", () => {
    expect(rows.map((row) => row.type)).toEqual(expect.arrayContaining([...CHUNK_TYPES, "data-*"]));
    expect(rows.length).toBe(CHUNK_TYPES.length + 1);
  });

  test.each(rows)("$type", ({ type, required }) => {
    const fields = required.map((field) => [field, sampleOf(field)] as const);
    expect(isChunk({ type, ...Object.fromEntries(fields) })).toBe(true);
    for (const [missing] of fields) {
      expect(isChunk({ type, ...Object.fromEntries(fields.filter(([field]) => field !== missing)) })).toBe(
        false,
      );
    }
  });
});

test("LIM-1 the table of limits", () => {
  const documented = rowsUnder("| Limit | Value | On breach |").map(
    ([name, value]) => [namesIn(name!)[0], Number.parseInt(value!, 10)] as const,
  );
  expect(Object.fromEntries(documented)).toEqual({ ...limits, MAX_POSITION_CHARS });
});

test("ERR-4 every code in the text is in the catalogue", () => {
  const codes = [...DOCUMENT.matchAll(/`([A-Z]+(?:_[A-Z]+)*)`/g)].map((match) => match[1]!);
  const known = new Set([...Object.keys(ERRORS), ...Object.keys(limits), "MAX_POSITION_CHARS", "GET"]);
  expect(codes.filter((code) => !known.has(code))).toEqual([]);
});

test("CLS-2 the table of close codes", () => {
  for (const [codes, advice] of rowsUnder("| Close code | Advice | Meaning |")) {
    for (const closeCode of codes!.match(/\d{4}/g) ?? []) {
      expect(retryAdviceForClose(Number(closeCode)), closeCode).toBe(namesIn(advice!)[0]);
    }
  }
});

test("the version history ends with this version", () => {
  expect(Number(rowsUnder("| Version | Subprotocol | What it brought |").at(-1)![0])).toBe(PROTOCOL_VERSION);
});

describe("samples", () => {
  const blocks = [...DOCUMENT.matchAll(/```\n(.*?)```/gs)].map((match) => match[1]!.split("\n"));
  const lines = blocks.flat();

  test("there is one for each flow", () => {
    expect(blocks.length).toBeGreaterThanOrEqual(7);
  });

  test.each(lines.filter((line) => line.startsWith(">")))("%s", (line) => {
    const decoded = decodeClientMessage(line.slice(1));
    expect(decoded.ok ? undefined : decoded.detail).toBeUndefined();
  });

  test.each(lines.filter((line) => line.startsWith("<")))("%s", (line) => {
    const parsed = serverMessage.safeParse(decodeServerMessage(line.slice(1)));
    expect(parsed.error?.issues).toBeUndefined();
  });

  test("DEL-2 record frames continue where the ones before them ended", () => {
    let comparedCount = 0;
    for (const block of blocks) {
      const seqByChannel = new Map<string, number>();
      for (const line of block.filter((text) => text.startsWith("<"))) {
        const frame = decodeServerMessage(line.slice(1))!;
        if (!("position" in frame) || !("channel" in frame)) continue;
        const { seq } = parsePosition(frame.position!)!;
        const before = seqByChannel.get(frame.channel!);
        if (frame.type === "receipt") continue;
        const isRecord = !["subscribed", "reset"].includes(frame.type);
        if (isRecord && before !== undefined) {
          comparedCount += 1;
          expect(seq - (("n" in frame ? frame.n : undefined) ?? 1), line).toBe(before);
        }
        seqByChannel.set(frame.channel!, seq);
      }
    }
    expect(comparedCount).toBeGreaterThan(10);
  });

  test("no rule is numbered twice", () => {
    const ids = [...DOCUMENT.matchAll(/^- \*\*([A-Z]{2,3}-\d+)\*\*/gm)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(90);
  });
});
