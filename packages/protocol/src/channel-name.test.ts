import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { channelIdOf, channelNameFault, namespaceOf } from "./channel-name.ts";
import { MAX_CHANNEL_BYTES } from "./limits.ts";

const anyName = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 100 }),
  fc.tuple(fc.string(), fc.string()).map(([namespace, id]) => `${namespace}:${id}`),
);

test("MSG-8 an accepted name is short, and free of white space and control characters", () => {
  let acceptedCount = 0;
  fc.assert(
    fc.property(anyName, (name) => {
      if (channelNameFault(name) !== undefined) return;
      acceptedCount += 1;
      expect(new TextEncoder().encode(name).length).toBeLessThanOrEqual(MAX_CHANNEL_BYTES);
      expect(name).toMatch(/^[^~]/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      expect(name).not.toMatch(/[\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\ufeff]/);
      expect(name.isWellFormed()).toBe(true);
    }),
    { numRuns: 2000 },
  );
  expect(acceptedCount).toBeGreaterThan(100);
});

test.each([
  "chat:42",
  "notifications",
  "a:b:c",
  ":x",
  "chat:ä-漢字",
  "a~b",
  "😀",
  "x".repeat(255),
  "constructor",
])("accepts %s", (name) => {
  expect(channelNameFault(name)).toBeUndefined();
});

describe("MSG-8 refuses, and says why", () => {
  test.each([
    ["", "Channel name is empty"],
    ["~all", "Channel names that start with ~ are reserved"],
    ["__proto__", "Channel name __proto__ is reserved"],
    ["a b", "Channel name contains white space or control characters"],
    ["a\u0000", "Channel name contains white space or control characters"],
    ["a\u00a0b", "Channel name contains white space or control characters"],
    ["a\u202eb", "Channel name contains white space or control characters"],
    ["\ud800", "Channel name contains white space or control characters"],
    ["x".repeat(256), "Channel name has 256 bytes, the limit is 255"],
    ["漢".repeat(86), "Channel name has 258 bytes, the limit is 255"],
    ["😀".repeat(64), "Channel name has 256 bytes, the limit is 255"],
  ])("%j", (name, fault) => {
    expect(channelNameFault(name)).toBe(fault);
  });
});

test("bytes are counted as UTF-8 counts them", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 60, maxLength: 200 }), (name) => {
      const byteCount = new TextEncoder().encode(name).length;
      const isTooLong = channelNameFault(name)?.includes("the limit is") ?? false;
      expect(isTooLong).toBe(byteCount > MAX_CHANNEL_BYTES);
    }),
  );
});

test.each([
  ["chat:42", "chat", "42"],
  ["chat", "chat", ""],
  ["a:b:c", "a", "b:c"],
  [":x", "", "x"],
])("%s has the namespace %j and the id %j", (channel, namespace, id) => {
  expect(namespaceOf(channel)).toBe(namespace);
  expect(channelIdOf(channel)).toBe(id);
});
