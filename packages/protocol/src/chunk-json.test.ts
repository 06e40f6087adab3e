import fc from "fast-check";
import { expect, test } from "vitest";
import { anyChunk } from "../test/chunk-arbitraries.ts";
import type { Chunk } from "./chunk.ts";
import { isChunk } from "./chunk-guard.ts";
import { encodeChunk } from "./chunk-json.ts";

test.each<[Chunk, string]>([
  [
    { type: "tool-output-available", toolCallId: "c", output: undefined },
    '{"type":"tool-output-available","toolCallId":"c","output":null}',
  ],
  [
    { type: "tool-input-available", toolCallId: "c", toolName: "t" },
    '{"type":"tool-input-available","toolCallId":"c","toolName":"t","input":null}',
  ],
  [{ type: "message-metadata" }, '{"type":"message-metadata","messageMetadata":null}'],
  [{ type: "data-x" }, '{"type":"data-x","data":null}'],
  [
    { type: "text-delta", id: "0", delta: "a", providerMetadata: undefined },
    '{"type":"text-delta","id":"0","delta":"a"}',
  ],
] as [Chunk, string][])("%j", (chunk, json) => {
  expect(encodeChunk(chunk)).toBe(json);
});

test("CHK-6 a chunk stays a chunk, and changes only where a value is missing", () => {
  fc.assert(
    fc.property(anyChunk, (chunk) => {
      const decoded = JSON.parse(encodeChunk(chunk));
      expect(isChunk(decoded)).toBe(true);
      expect(decoded).toMatchObject(JSON.parse(JSON.stringify(chunk)));
      const added = Object.keys(decoded).filter((field) => !(field in chunk));
      for (const field of added) expect(decoded[field]).toBeNull();
    }),
  );
});
