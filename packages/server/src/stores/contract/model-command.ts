/** The calls that the model test makes, as data that fast-check can make up and shrink. */
import fc from "fast-check";

export interface AppendCommand {
  readonly channel: string;
  readonly bodies: readonly string[];
  readonly retention: number;
  readonly idempotencyKey: string | undefined;
  /** Which lease fences it, and how far its token is behind the current one. */
  readonly fence: { readonly lease: string; readonly behind: number } | undefined;
  /** How far the head that is expected lies behind the one that is there before the group of appends. */
  readonly headBehind: number | undefined;
}

export type Command =
  | { readonly type: "append"; readonly appends: readonly AppendCommand[] }
  | {
      readonly type: "read";
      readonly channel: string;
      readonly afterSeq: number;
      readonly maxRecords: number;
      readonly maxBytes: number;
    }
  | { readonly type: "open" | "delete"; readonly channel: string }
  | { readonly type: "acquire"; readonly lease: string; readonly owner: string; readonly ttlMs: number }
  | { readonly type: "renew" | "release"; readonly lease: string; readonly behind: number }
  | { readonly type: "expired"; readonly prefix: string }
  | { readonly type: "saveSession"; readonly name: string; readonly ttlMs: number; readonly text: string }
  | { readonly type: "deleteSession"; readonly name: string }
  | { readonly type: "claim"; readonly name: string; readonly ttlMs: number; readonly text: string }
  | { readonly type: "update"; readonly name: string; readonly text: string }
  | { readonly type: "sweep" }
  | { readonly type: "wait"; readonly ms: number };

const channel = fc.constantFrom("chat:1", "chat:2", "spec:1");
const lease = fc.constantFrom("execution:1", "execution:2", "inbox:1");
const name = fc.constantFrom("n1", "n2", "n3");
const behind = fc.constantFrom(0, 0, 0, 1);
// Never a multiple of what `wait` can sum up to: what happens in the very millisecond is left to the store.
const ttlMs = fc.constantFrom(195, 995);
const body = fc.oneof(
  fc.json({ maxDepth: 1 }),
  fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
  fc.constant(`"${"x".repeat(200)}"`),
);

const append: fc.Arbitrary<AppendCommand> = fc.record({
  channel,
  bodies: fc.array(body, { minLength: 1, maxLength: 4 }),
  retention: fc.nat({ max: 3 }),
  idempotencyKey: fc.option(fc.constantFrom("k1", "k2", "k3"), { nil: undefined }),
  fence: fc.option(fc.record({ lease, behind }), { nil: undefined, freq: 3 }),
  headBehind: fc.option(behind, { nil: undefined, freq: 3 }),
});

export const commandArbitrary: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("append" as const),
      appends: fc.array(append, { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("read" as const),
      channel,
      afterSeq: fc.nat({ max: 40 }),
      maxRecords: fc.integer({ min: 1, max: 12 }),
      maxBytes: fc.integer({ min: 1, max: 500 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("open" as const, "delete" as const), channel }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("acquire" as const),
      lease,
      owner: fc.constantFrom("a", "b"),
      ttlMs,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom("renew" as const, "release" as const), lease, behind }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("expired" as const),
      prefix: fc.constantFrom("", "execution:", "inbox:1"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("saveSession" as const), name, ttlMs, text: fc.string() }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("deleteSession" as const), name }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("claim" as const), name, ttlMs, text: fc.string() }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("update" as const), name, text: fc.string() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("sweep" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("wait" as const), ms: fc.constantFrom(10, 100, 300, 1000) }),
  },
);
