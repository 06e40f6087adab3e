import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { channelNameFault } from "../channel-name.ts";
import { encodeMessage } from "../codec.ts";
import { MAX_NESTING_LEVELS } from "../limits.ts";
import { clientMessage } from "./client-messages.ts";
import { decodeClientMessage } from "./decode-client-message.ts";

/** A second statement of what a client may send, in wire names and without zod: the oracle of the fuzzing below. */
type Check = (value: unknown) => boolean;

const isText =
  (maxChars: number): Check =>
  (value) =>
    typeof value === "string" &&
    value.length > 0 &&
    value.length <= maxChars &&
    !/[\p{Cc}\p{Cs}]/u.test(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const isAny: Check = () => true;
const isPresent: Check = (value) => value !== undefined;
const isId = isText(128);
const isPosition: Check = (value) => typeof value === "string" && value.length > 0 && value.length <= 64;
const isChannel: Check = (value) => typeof value === "string" && channelNameFault(value) === undefined;
const isFollowed: Check = (value) =>
  isChannel(value) || (isText(255)(value) && String(value).startsWith("~"));
const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isOnUnwatched: Check = (value) => {
  if (!isFields(value)) return value === "keep" || value === "cancel";
  const secs = value["cancel_after"];
  return typeof secs === "number" && secs > 0 && secs <= 86_400;
};
const isPositions: Check = (value) =>
  isFields(value) &&
  Object.keys(value).filter((channel) => channel !== "__proto__").length <= 1024 &&
  Object.entries(value).every(
    ([channel, position]) => channel === "__proto__" || (isFollowed(channel) && isPosition(position)),
  );

const CHECKS: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  ping: { id: optional(isId) },
  subscribe: {
    id: optional(isId),
    channel: isFollowed,
    position: optional(isPosition),
    since: optional((value) => value === "start" || value === "head"),
  },
  unsubscribe: { id: optional(isId), channel: isChannel },
  publish: { id: isId, channel: isChannel, data: isPresent },
  signal: { channel: isChannel, data: isPresent },
  execute: {
    id: isId,
    handler: isText(64),
    channel: optional(isChannel),
    input: isPresent,
    on_unwatched: optional(isOnUnwatched),
  },
  cancel: { id: isId, execution_id: isId, data: isAny },
  input: { id: isId, execution_id: isId, data: isPresent },
  presence: { id: optional(isId), channel: isChannel, state: isPresent },
  ack: { positions: isPositions },
  auth: {
    id: optional(isId),
    token: (value) => typeof value === "string" && value.length > 0 && value.length <= 8192,
  },
  custom: {
    id: optional(isId),
    action: (value) => typeof value === "string" && value.length > 0 && value.length <= 128,
    payload: isAny,
  },
};

function isValid(value: unknown): boolean {
  if (!isFields(value) || typeof value["type"] !== "string") return false;
  if (!Object.hasOwn(CHECKS, value["type"])) return false;
  return Object.entries(CHECKS[value["type"]]!).every(([field, check]) =>
    check(Object.hasOwn(value, field) ? value[field] : undefined),
  );
}

const channel = fc.constantFrom("chat:42", "notifications", "spec:ä");
const id = fc.string({ minLength: 1, maxLength: 20 });
const data = fc.jsonValue();
const position = fc.constantFrom("k3x9a2.1042.p7fQ", "e.0.0");
const maybeId = fc.option(id, { nil: undefined });

/** Valid messages in wire names (but for ids, which are any text). */
const wireMessage = fc.oneof(
  fc.record({ type: fc.constant("ping"), id: maybeId }),
  fc.record({
    type: fc.constant("subscribe"),
    id: maybeId,
    channel: fc.oneof(channel, fc.constantFrom("~all", "~session:a b")),
    position: fc.option(position, { nil: undefined }),
    since: fc.constantFrom("start", "head", undefined),
  }),
  fc.record({ type: fc.constant("unsubscribe"), id: maybeId, channel }),
  fc.record({ type: fc.constant("publish"), id, channel, data }),
  fc.record({ type: fc.constant("signal"), channel, data }),
  fc.record({
    type: fc.constant("execute"),
    id,
    handler: fc.constantFrom("chat", "a.b"),
    channel: fc.option(channel, { nil: undefined }),
    input: data,
    on_unwatched: fc.constantFrom("keep", "cancel", { cancel_after: 5 }, { cancel_after: 86_400 }, undefined),
  }),
  fc.record({ type: fc.constantFrom("cancel", "input"), id, execution_id: id, data }),
  fc.record({ type: fc.constant("presence"), id: maybeId, channel, state: data }),
  fc.record({ type: fc.constant("ack"), positions: fc.dictionary(channel, position) }),
  fc.record({ type: fc.constant("auth"), id: maybeId, token: id }),
  fc.record({ type: fc.constant("custom"), id: maybeId, action: id, payload: data }),
) as fc.Arbitrary<Record<string, unknown>>;

const FIELDS = [...new Set(["type", "extra", "executionId", ...Object.values(CHECKS).flatMap(Object.keys)])];

const hostileValue = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    "",
    0,
    -1,
    1e9,
    true,
    [],
    {},
    { cancel_after: 0 },
    { cancel_after: 86_401 },
    { cancelAfter: 5 },
    "~session:x",
    "a b",
    "\u0000",
    "\ud800",
    "__proto__",
    "x".repeat(129),
    "x".repeat(300),
    { "a b": "e.0.0" },
    { c: "" },
    JSON.parse('{"__proto__":"e.0.0"}'),
    ...Object.keys(CHECKS),
  ),
  fc.jsonValue(),
);

const mutated = fc
  .tuple(wireMessage, fc.array(fc.tuple(fc.constantFrom(...FIELDS), hostileValue), { maxLength: 3 }))
  .map(([message, changes]) => ({ ...message, ...Object.fromEntries(changes) }));

describe("fuzzing", () => {
  test("MSG-1 MSG-6 a mutated message is accepted exactly when the oracle accepts it", () => {
    let acceptedCount = 0;
    let refusedCount = 0;
    fc.assert(
      fc.property(mutated, (value) => {
        const text = JSON.stringify(value);
        const decoded = decodeClientMessage(text);
        expect(decoded.ok, text).toBe(isValid(JSON.parse(text)));
        if (decoded.ok) acceptedCount += 1;
        else refusedCount += 1;
      }),
      { numRuns: 5000 },
    );
    expect(Math.min(acceptedCount, refusedCount)).toBeGreaterThan(500);
  });

  test("what is accepted goes through the codec and back unchanged", () => {
    fc.assert(
      fc.property(mutated, (value) => {
        const decoded = decodeClientMessage(JSON.stringify(value));
        if (!decoded.ok) return;
        expect(clientMessage.safeParse(decoded.message).success).toBe(true);
        expect(decodeClientMessage(encodeMessage(decoded.message))).toEqual(decoded);
      }),
      { numRuns: 2000 },
    );
  });

  test("ERR-2 garbage is refused with a short reason, and never throws", () => {
    const garbage = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\type 01'.split("")) }),
      fc.tuple(mutated, fc.nat(), fc.string({ maxLength: 3 })).map(([value, at, junk]) => {
        const text = JSON.stringify(value);
        const cut = at % text.length;
        return text.slice(0, cut) + junk + text.slice(cut + 1);
      }),
    );
    fc.assert(
      fc.property(garbage, (text) => {
        const decoded = decodeClientMessage(text);
        if (decoded.ok) expect(isValid(JSON.parse(text))).toBe(true);
        else {
          expect(decoded.detail).toMatch(/^\S/);
          expect(decoded.detail.length).toBeLessThan(250);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("refusals", () => {
  test.each([
    ["", "INVALID_MESSAGE", "Message is not JSON"],
    ["null", "INVALID_MESSAGE", "Message is not a JSON object"],
    ["[]", "INVALID_MESSAGE", "Message is not a JSON object"],
    ["{}", "INVALID_MESSAGE", "Message has no type"],
    ['{"type":7}', "INVALID_MESSAGE", "Message has no type"],
    ['{"type":"subscrib"}', "UNKNOWN_TYPE", 'Message type "subscrib" is not known'],
    ['{"type":"toString"}', "UNKNOWN_TYPE", 'Message type "toString" is not known'],
  ])("%s", (text, code, detail) => {
    expect(decodeClientMessage(text)).toEqual({ ok: false, code, detail });
  });

  test("ERR-2 MSG-5 a readable id comes back as ref", () => {
    expect(decodeClientMessage('{"type":"publish","id":"p1"}')).toMatchObject({ ok: false, ref: "p1" });
    expect(decodeClientMessage('{"type":"nope","id":"p1"}')).toMatchObject({
      code: "UNKNOWN_TYPE",
      ref: "p1",
    });
    for (const id of ["", "x".repeat(129), "\n", 5]) {
      expect(decodeClientMessage(JSON.stringify({ type: "publish", id }))).not.toHaveProperty("ref");
    }
  });

  test("ERR-4 a refusal never repeats a long part of the message", () => {
    const long = "k".repeat(100_000);
    for (const message of [{ type: long }, { type: "ack", positions: { [long]: "p" } }]) {
      const decoded = decodeClientMessage(JSON.stringify(message));
      expect(decoded.ok ? "" : decoded.detail.length).toBeLessThan(250);
    }
  });
});

describe("MSG-7 nesting", () => {
  const nested = (levels: number) =>
    `{"type":"publish","id":"p","channel":"c","data":${"[".repeat(levels)}${"]".repeat(levels)}}`;

  test("as deep as the limit is accepted, and can be serialised", () => {
    const decoded = decodeClientMessage(nested(MAX_NESTING_LEVELS - 1));
    expect(decoded.ok).toBe(true);
    expect(() => JSON.stringify(decoded)).not.toThrow();
  });

  test.each([MAX_NESTING_LEVELS, 10_000, 1_000_000])("%i levels below the message are refused", (levels) => {
    expect(decodeClientMessage(nested(levels))).toEqual({
      ok: false,
      code: "INVALID_MESSAGE",
      detail: `Message is nested in more than ${MAX_NESTING_LEVELS} levels`,
    });
  });

  test("deep nesting outside the opaque fields is refused or ignored", () => {
    const deep = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
    expect(decodeClientMessage(`{"type":"ping","x":${deep}}`).ok).toBe(false);
    expect(decodeClientMessage(deep).ok).toBe(false);
    expect(decodeClientMessage("[".repeat(100_000)).ok).toBe(false);
  });
});

test("renamed fields arrive in TypeScript's spelling, opaque ones as they are", () => {
  const text = JSON.stringify({
    type: "execute",
    id: "1",
    handler: "chat",
    input: { max_tokens: 5, onUnwatched: 1 },
    on_unwatched: { cancel_after: 5 },
    unknown_field: 1,
  });
  expect(decodeClientMessage(text)).toEqual({
    ok: true,
    message: {
      type: "execute",
      id: "1",
      handler: "chat",
      input: { max_tokens: 5, onUnwatched: 1 },
      onUnwatched: { cancelAfter: 5 },
    },
  });
});

test("ACK-2 more positions than one ack may confirm are refused", () => {
  const ack = (count: number) =>
    JSON.stringify({
      type: "ack",
      positions: Object.fromEntries(Array.from({ length: count }, (_, at) => [`c:${at}`, "e.0.0"])),
    });
  expect(decodeClientMessage(ack(1024)).ok).toBe(true);
  expect(decodeClientMessage(ack(1025))).toMatchObject({ code: "INVALID_MESSAGE" });
});

test("prototypes are out of reach", () => {
  const decoded = decodeClientMessage(
    '{"type":"ping","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
  );
  expect(decoded.ok && Object.getPrototypeOf(decoded.message)).toBe(Object.prototype);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});
