/** Whatever a client sends, it is answered in its own protocol's shape, and nothing breaks. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { startTestServer } from "../testing/test-server.ts";

const scalar = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("user", "assistant", "tool", "text", "input_text", "message", "function_call", "tool_use"),
  fc.constantFrom("__proto__", "constructor", "~node:a", "t 1", "\u0000", "\ud800", "x".repeat(300)),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
);
const names = fc.constantFrom(
  "role",
  "content",
  "type",
  "text",
  "id",
  "call_id",
  "name",
  "input",
  "function",
  "__proto__",
);
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(names, tie("value"), { maxKeys: 5 }),
  ),
})).value;
/** Mostly what it should be, so that what lies deeper is reached too. */
const mostly = <Value>(right: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 9, arbitrary: right as fc.Arbitrary<unknown> }, value);
/** Fields of which any may be missing, but for those that have to be there. */
const object = (fields: Readonly<Record<string, fc.Arbitrary<unknown>>>, requiredKeys: string[] = []) =>
  fc.record(fields, { requiredKeys });
const seldom = fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) as fc.Arbitrary<unknown> }, value);

const part = object({
  type: mostly(fc.constantFrom("text", "input_text", "image", "tool_use", "tool_result")),
  text: value,
});
const content = mostly(fc.oneof(fc.string(), fc.array(mostly(part), { maxLength: 3 })));
const message = object(
  {
    id: mostly(fc.string()),
    role: mostly(fc.constantFrom("user", "assistant", "system", "tool", "reasoning")),
    type: mostly(fc.constantFrom("message", "function_call", "function_call_output", "reasoning", undefined)),
    content,
    tool_calls: seldom,
    toolCalls: seldom,
    output: seldom,
  },
  ["id", "role", "content"],
);
const messages = mostly(fc.array(mostly(message), { minLength: 1, maxLength: 2 }));
const body = mostly(
  object(
    {
      model: mostly(fc.constant("echo")),
      messages,
      input: messages,
      system: content,
      instructions: mostly(fc.string()),
      stream_options: seldom,
      n: seldom,
      metadata: seldom,
      store: seldom,
      previous_response_id: seldom,
      threadId: mostly(fc.constantFrom("t1", "t2")),
      runId: mostly(fc.uuid()),
      tools: seldom,
      state: seldom,
      resume: fc.oneof(seldom, fc.constant([{ interruptId: "a/b", status: "cancelled" }]), fc.constant([])),
    },
    ["model", "messages", "input", "threadId", "runId"],
  ),
);
const text = fc.oneof({ weight: 8, arbitrary: body.map((json) => JSON.stringify(json) ?? "") }, fc.string());

const openAiShape = {
  error: { message: expect.any(String), type: expect.any(String), code: expect.any(String) },
};
const anthropicShape = { type: "error", error: { type: expect.any(String), message: expect.any(String) } };
const ourShape = { code: expect.any(String), message: expect.any(String) };

describe.each([
  ["/v1/chat/completions", openAiShape],
  ["/v1/responses", openAiShape],
  ["/v1/messages", anthropicShape],
  ["/agui", ourShape],
])("%s", (path, shape) => {
  test("answers any body, with 2xx or with a 4xx in its shape", async () => {
    const server = await startTestServer({
      executions: {
        async *echo() {
          yield "ok";
        },
      },
    });
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(text, async (sent) => {
        const { status, json } = await server.post(path, sent);
        seen.set(status, (seen.get(status) ?? 0) + 1);
        if (status === 200) return;
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
        expect(json).toMatchObject(shape);
      }),
      { numRuns: 250 },
    );
    // It has been through the door both ways.
    expect([...seen.keys()]).toEqual(expect.arrayContaining([200, 400]));
  }, 60_000);
});

test("what follows a path is no way in either", async () => {
  const server = await startTestServer({ executions: {} });
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 30 }), fc.string({ maxLength: 10 }), async (id, query) => {
      // Dots alone are no segment of a path, however they are written.
      const name = `${encodeURIComponent(id)}~`;
      const after = encodeURIComponent(query);
      for (const path of [
        `/v1/responses/${name}?stream=true&starting_after=${after}`,
        `/v1/models/${name}`,
        `/v1/responses?on_unwatched=${after}`,
      ]) {
        const { status } = await server.http(path);
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }
    }),
    { numRuns: 100 },
  );
});
