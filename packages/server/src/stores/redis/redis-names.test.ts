import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeName, encodeName, joinNames, RedisNames, splitNames } from "./redis-names.ts";

describe("names in Redis", () => {
  test("can be read in the usual case", () => {
    const names = new RedisNames("tachikoma");
    expect(names.log({ tenant: "acme", channel: "chat:42" })).toBe("{tachikoma}:log:acme/chat:42");
    expect(names.lease("execution:e1")).toBe("{tachikoma}:lease:execution:e1");
    expect(names.roster({ tenant: "acme", kind: "places", name: "a/b%" })).toBe(
      "{tachikoma}:roster:acme/places/a%002Fb%0025",
    );
  });

  test("say which database they are in, because topics are in none", () => {
    expect(new RedisNames("tachikoma", 3).hints({ tenant: "acme", channel: "chat" })).toBe(
      "{tachikoma@3}:hints:acme/chat",
    );
  });

  const anyName = fc.string({ unit: "binary", maxLength: 6 }).chain((text) =>
    // Halves of characters too: they have no bytes of their own.
    fc.constantFrom(text, `${text}\ud800`, `\udc00${text}`, `${text}/`, `%${text}`),
  );

  test("come back as they were, whatever is in them, and survive UTF-8", () => {
    fc.assert(
      fc.property(fc.array(anyName, { minLength: 1, maxLength: 3 }), (parts) => {
        const joined = joinNames(...parts);
        expect(Buffer.from(joined, "utf8").toString("utf8")).toBe(joined);
        expect(splitNames(joined)).toEqual(parts);
      }),
    );
  });

  test("start alike when what they stand for does, so that a prefix can be searched", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (prefix, rest) => {
        expect(encodeName(prefix + rest).startsWith(encodeName(prefix))).toBe(true);
        expect(decodeName(encodeName(prefix))).toBe(prefix);
      }),
    );
  });

  test.each(["", "a b", "{a}", "a*", "x".repeat(65), "é"])("have no prefix like %j", (prefix) => {
    expect(() => new RedisNames(prefix)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
});
