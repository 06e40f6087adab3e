/** Generated chunks for property tests: single ones of every type, and streams as a handler would write them. */
import fc from "fast-check";
import { CHUNK_TYPES, type Chunk, FINISH_REASONS, type FixedChunkType } from "../src/chunk.ts";

/** Text in UTF-16 units, so that a cut may fall between the halves of a surrogate pair. */
const text = fc
  .tuple(fc.string({ unit: "grapheme", maxLength: 12 }), fc.nat(3), fc.nat(3))
  .map(([whole, dropFront, dropBack]) =>
    whole.slice(dropFront, Math.max(dropFront, whole.length - dropBack)),
  );

const fields = fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 2 });
const json = fc.jsonValue({ maxDepth: 2 });
const id = fc.constantFrom("0", "1", "ä", 'quote"', "back\\slash");
const provider = { providerMetadata: fields };
const part = { id, ...provider };
const delta = { ...part, delta: text };
const file = { url: text, mediaType: text, ...provider };
const tool = {
  toolCallId: id,
  providerExecuted: fc.boolean(),
  toolMetadata: fields,
  dynamic: fc.boolean(),
  ...provider,
};
const toolInput = { ...tool, toolName: id, title: text };
const steeringPart = fc.oneof(
  fc.record({ type: fc.constant("text"), text, ...provider }, { requiredKeys: ["type", "text"] }),
  fc.record(
    { type: fc.constant("file"), ...file, filename: text },
    { requiredKeys: ["type", "url", "mediaType"] },
  ),
);

type Shape = Readonly<Record<string, fc.Arbitrary<unknown>>>;

/** By type: all fields of the vocabulary, and which of them must be there. */
const SHAPES: { readonly [Type in FixedChunkType]: readonly [required: readonly string[], shape: Shape] } = {
  start: [[], { messageId: id, messageMetadata: json }],
  finish: [[], { finishReason: fc.constantFrom(...FINISH_REASONS), messageMetadata: json }],
  abort: [[], { reason: text }],
  error: [["errorText"], { errorText: text }],
  "message-metadata": [[], { messageMetadata: json }],
  "start-step": [[], {}],
  "finish-step": [[], {}],
  "reset-step": [[], {}],
  "text-start": [["id"], part],
  "text-delta": [["id", "delta"], delta],
  "text-end": [["id"], { ...part, citations: fc.array(json, { maxLength: 2 }) }],
  "reasoning-start": [["id"], part],
  "reasoning-delta": [["id", "delta"], delta],
  "reasoning-end": [["id"], part],
  "tool-input-start": [
    ["toolCallId", "toolName"],
    { ...toolInput, inputEncoding: fc.constantFrom("json", "text") },
  ],
  "tool-input-delta": [["toolCallId", "inputTextDelta"], { toolCallId: id, inputTextDelta: text }],
  "tool-input-available": [["toolCallId", "toolName"], { ...toolInput, input: json }],
  "tool-input-error": [
    ["toolCallId", "toolName", "errorText"],
    { ...toolInput, input: json, errorText: text },
  ],
  "tool-approval-request": [
    ["approvalId", "toolCallId"],
    {
      approvalId: id,
      toolCallId: id,
      approvalDescriptor: json,
      inputSchemaInput: json,
      reason: text,
      isAutomatic: fc.boolean(),
      signature: text,
    },
  ],
  "tool-approval-response": [
    ["approvalId", "approved"],
    { approvalId: id, approved: fc.boolean(), reason: text, providerExecuted: fc.boolean(), ...provider },
  ],
  "tool-output-available": [["toolCallId"], { ...tool, output: json, preliminary: fc.boolean() }],
  "tool-output-error": [["toolCallId", "errorText"], { ...tool, errorText: text }],
  "tool-output-denied": [["toolCallId"], { toolCallId: id }],
  "source-url": [["sourceId", "url"], { sourceId: id, url: text, title: text, ...provider }],
  "source-document": [
    ["sourceId", "mediaType", "title"],
    { sourceId: id, mediaType: text, title: text, filename: text, ...provider },
  ],
  file: [["url", "mediaType"], file],
  "reasoning-file": [["url", "mediaType"], file],
  custom: [["kind"], { kind: text, ...provider }],
  "steering-message": [["id", "parts"], { id, parts: fc.array(steeringPart, { maxLength: 2 }) }],
};

const EXTRA = { extra: fc.constant(1) };

function chunkOf(type: FixedChunkType): fc.Arbitrary<Chunk> {
  const [required, shape] = SHAPES[type];
  return fc.record(
    { type: fc.constant(type), ...shape, ...EXTRA },
    { requiredKeys: ["type", ...required] as "type"[] },
  ) as unknown as fc.Arbitrary<Chunk>;
}

const dataChunk = fc.record(
  {
    type: fc.constantFrom("data-weather", "data-"),
    id,
    data: json,
    transient: fc.boolean(),
    ...EXTRA,
  },
  { requiredKeys: ["type", "data"] },
) as unknown as fc.Arbitrary<Chunk>;

/** A valid chunk of any type, on its own: a stream of these is disorder, which the fold must survive. */
export const anyChunk: fc.Arbitrary<Chunk> = fc.oneof(...CHUNK_TYPES.map(chunkOf), dataChunk);

/** Deltas without fields of their own, which are what merging is about. */
const plainDelta: fc.Arbitrary<Chunk> = fc.oneof(
  fc.record({ type: fc.constant("text-delta" as const), id, delta: text }),
  fc.record({ type: fc.constant("reasoning-delta" as const), id, delta: text }),
  fc.record({ type: fc.constant("tool-input-delta" as const), toolCallId: id, inputTextDelta: text }),
) as fc.Arbitrary<Chunk>;

/** Deltas of one part in a row. */
const deltaRun = fc
  .tuple(plainDelta, fc.array(text, { maxLength: 6 }))
  .map(([first, texts]) => [
    first,
    ...texts.map((piece) =>
      first.type === "tool-input-delta" ? { ...first, inputTextDelta: piece } : { ...first, delta: piece },
    ),
  ]) as fc.Arbitrary<Chunk[]>;

/** Any chunks in any order, with many that can be merged. */
export const chunkDisorder: fc.Arbitrary<Chunk[]> = fc
  .array(
    fc.oneof(
      anyChunk.map((chunk) => [chunk]),
      deltaRun,
    ),
    { maxLength: 20 },
  )
  .map((runs) => runs.flat());

/** What one part of a stream consists of, in order. */
const partScript: fc.Arbitrary<(partId: string) => Chunk[]> = fc.oneof(
  fc
    .tuple(fc.constantFrom("text" as const, "reasoning" as const), fc.array(text, { maxLength: 8 }))
    .map(([kind, pieces]) => (partId: string): Chunk[] => [
      { type: `${kind}-start`, id: partId },
      ...pieces.map((piece): Chunk => ({ type: `${kind}-delta`, id: partId, delta: piece })),
      { type: `${kind}-end`, id: partId },
    ]),
  fc
    .tuple(json, fc.integer({ min: 1, max: 5 }), fc.boolean(), json, fc.nat(4))
    .map(([input, size, dynamic, output, ending]) => (toolCallId: string): Chunk[] => [
      { type: "tool-input-start", toolCallId, toolName: "search", dynamic },
      ...pieces(JSON.stringify(input), size).map(
        (piece): Chunk => ({ type: "tool-input-delta", toolCallId, inputTextDelta: piece }),
      ),
      { type: "tool-input-available", toolCallId, toolName: "search", input, dynamic },
      ...toolEnding(toolCallId, ending, output),
    ]),
  fc.tuple(fc.boolean(), fc.array(json, { minLength: 1, maxLength: 3 })).map(
    ([transient, values]) =>
      (partId: string): Chunk[] =>
        values.map((data) => ({ type: "data-note", id: partId, data, transient })),
  ),
  fc
    .constantFrom<Chunk>(
      { type: "source-url", sourceId: "s", url: "https://example.org/" },
      { type: "source-document", sourceId: "s", mediaType: "text/plain", title: "T" },
      { type: "file", url: "data:,x", mediaType: "text/plain" },
      { type: "reasoning-file", url: "data:,x", mediaType: "text/plain" },
      { type: "custom", kind: "acme.box" },
      { type: "steering-message", id: "m", parts: [{ type: "text", text: "shorter" }] },
      { type: "message-metadata", messageMetadata: { a: { b: 1 } } },
    )
    .map((chunk) => () => [chunk]),
);

function toolEnding(toolCallId: string, ending: number, output: unknown): Chunk[] {
  const approvalId = `approval-${toolCallId}`;
  const ask: Chunk = { type: "tool-approval-request", approvalId, toolCallId };
  const done: Chunk = { type: "tool-output-available", toolCallId, output };
  switch (ending) {
    case 0:
      return [{ ...done, preliminary: true }, done];
    case 1:
      return [{ type: "tool-output-error", toolCallId, errorText: "Failed" }];
    case 2:
      return [ask, { type: "tool-approval-response", approvalId, approved: true }, done];
    case 3:
      return [
        ask,
        { type: "tool-approval-response", approvalId, approved: false, reason: "No" },
        { type: "tool-output-denied", toolCallId },
      ];
    default:
      return [];
  }
}

function pieces(whole: string, size: number): string[] {
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
    whole.slice(at * size, (at + 1) * size),
  );
}

/** Scripts played at the same time: `order` says whose chunk is next, by turns of a few. */
function interleave(scripts: readonly (readonly Chunk[])[], order: readonly number[]): Chunk[] {
  const waiting = scripts.map((script) => [...script]);
  const chunks: Chunk[] = [];
  for (const turn of order) {
    const script = waiting[turn % Math.max(1, waiting.length)];
    if (script !== undefined) chunks.push(...script.splice(0, 1 + (turn % 3)));
  }
  return [...chunks, ...waiting.flat()];
}

const step = fc
  .tuple(
    fc.array(partScript, { maxLength: 4 }),
    fc.array(fc.nat(30), { maxLength: 20 }),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([scripts, order, isReset, hasFreshIds]) => (stepIndex: number): Chunk[] => [
    { type: "start-step" },
    ...interleave(
      scripts.map((script, at) => script(hasFreshIds ? `${stepIndex}-${at}` : `${at}`)),
      order,
    ),
    ...(isReset ? [{ type: "reset-step" } as const] : []),
    { type: "finish-step" },
  ]);

const ending = fc.oneof(
  fc.constantFrom(...FINISH_REASONS).map((finishReason): Chunk => ({ type: "finish", finishReason })),
  fc.constantFrom<Chunk>({ type: "abort", reason: "cancelled" }, { type: "error", errorText: "Boom" }),
);

/** A stream as a handler writes it: interleaved parts in steps, between `start` and an ending. */
export const chunkStream: fc.Arbitrary<Chunk[]> = fc
  .tuple(fc.array(step, { maxLength: 4 }), ending)
  .map(([steps, last]) => [
    { type: "start", messageId: "m-1", messageMetadata: { a: { c: 2 } } },
    ...steps.flatMap((play, at) => play(at)),
    last,
  ]);
