import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lastUserText, readConversation, withSystemPrompt } from "./conversation.ts";

const user = (content: string) => ({ role: "user", content });

describe("what is understood", () => {
  test.each<[what: string, input: unknown, messages: object[]]>([
    ["a bare string", "Hi", [user("Hi")]],
    ["a prompt", { prompt: "Hi" }, [user("Hi")]],
    [
      "messages with content",
      {
        messages: [
          { role: "system", content: "Be brief" },
          user("Hi"),
          { role: "assistant", content: "Hello" },
        ],
      },
      [{ role: "system", content: "Be brief" }, user("Hi"), { role: "assistant", content: "Hello" }],
    ],
    [
      "UIMessages: text parts are joined, other parts are not text",
      {
        messages: [
          {
            id: "m1",
            role: "user",
            parts: [
              { type: "text", text: "a" },
              { type: "file", url: "x" },
              { type: "text", text: "b" },
            ],
          },
        ],
      },
      [user("ab")],
    ],
    [
      "content in parts",
      { messages: [{ role: "user", content: [{ type: "text", text: "a" }, { type: "image_url" }] }] },
      [user("a")],
    ],
    [
      "a message that is left empty is dropped",
      { messages: [{ role: "assistant", parts: [{ type: "step-start" }] }, user("Hi"), user("")] },
      [user("Hi")],
    ],
    [
      "further fields are not looked at",
      { messages: [user("Hi")], model: "other", baseUrl: 3 },
      [user("Hi")],
    ],
  ])("%s", (_what, input, messages) => {
    expect(readConversation(input)).toEqual(messages);
  });

  test("nothing but role and text passes, so a client cannot smuggle fields into the request", () => {
    const input = {
      messages: [{ role: "user", content: "Hi", tool_calls: [1], name: "x", __proto__: null }],
    };
    expect(Object.keys(readConversation(input)[0] ?? {})).toEqual(["role", "content"]);
  });
});

describe("what is refused", () => {
  test.each<[input: unknown, message: RegExp]>([
    [undefined, /input is missing/],
    [null, /input is null/],
    [42, /input is a number/],
    [[], /input is a list/],
    [{}, /neither "messages" nor "prompt"/],
    ["", /no text/],
    [{ prompt: 3 }, /prompt is a number/],
    [{ messages: "x" }, /messages is a string; it must be a list/],
    [{ messages: [] }, /no text/],
    [{ messages: [user("")] }, /no text/],
    [{ messages: [null] }, /messages\[0\] is null/],
    [
      { messages: [user("a"), { role: "tool", content: "x" }] },
      /messages\[1\]\.role is "tool"; it must be one of system, user, assistant/,
    ],
    [{ messages: [{ content: "x" }] }, /messages\[0\]\.role is missing/],
    [{ messages: [{ role: "toString", content: "x" }] }, /role is "toString"/],
    [{ messages: [{ role: "user" }] }, /neither "content" text nor "parts"/],
    [{ messages: [{ role: "user", content: 5 }] }, /neither "content" text nor "parts"/],
    [{ messages: [{ role: "user", parts: "x" }] }, /messages\[0\]\.parts is a string/],
    [{ messages: [{ role: "user", parts: [7] }] }, /parts\[0\] is a number/],
    [{ messages: [{ role: "user", parts: [{ type: "text", text: {} }] }] }, /parts\[0\]\.text is an object/],
  ])("%j", (input, message) => {
    expect(() => readConversation(input)).toThrow(
      expect.objectContaining({ code: "INVALID_MESSAGE", message: expect.stringMatching(message) }),
    );
  });

  test("too many messages, too many parts, too much text", () => {
    const limits = { maxMessageCount: 2, maxTextBytes: 10 };
    expect(readConversation({ messages: [user("äöüäö")] }, limits)).toHaveLength(1);
    expect(() => readConversation({ messages: [user("äöüäö"), user("x")] }, limits)).toThrow(
      /11 bytes of text; at most 10/,
    );
    expect(() => readConversation({ messages: [user("a"), user("b"), user("c")] }, limits)).toThrow(
      /3 messages; at most 2/,
    );
    const parts = Array.from({ length: 10_001 }, () => ({ type: "text", text: "" }));
    expect(() => readConversation({ messages: [{ role: "user", parts }] })).toThrow(/10001 parts/);
  });

  test("the error quotes no more than the beginning of a value", () => {
    const role = "r".repeat(10_000);
    expect(() => readConversation({ messages: [{ role, content: "x" }] })).toThrow(/^.{0,160}$/);
  });

  test("anything at all is either a conversation or INVALID_MESSAGE", () => {
    const almost = fc.record(
      {
        messages: fc.array(
          fc.record(
            {
              role: fc.oneof(fc.constantFrom("user", "system", "assistant"), fc.anything()),
              content: fc.anything(),
              parts: fc.anything(),
            },
            { requiredKeys: [] },
          ),
        ),
        prompt: fc.anything(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), almost), (input) => {
        try {
          expect(readConversation(input).every((message) => message.content.length > 0)).toBe(true);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: "INVALID_MESSAGE" });
        }
      }),
    );
  });
});

test("the configured system prompt comes first, also before one that a client sends", () => {
  const messages = readConversation({ messages: [{ role: "system", content: "theirs" }, user("Hi")] });
  expect(withSystemPrompt(messages, "ours").map((message) => message.content)).toEqual([
    "ours",
    "theirs",
    "Hi",
  ]);
  expect(withSystemPrompt(messages, undefined)).toEqual(messages);
});

test("the last thing the user said", () => {
  const messages = readConversation({
    messages: [user("a"), user("b"), { role: "assistant", content: "c" }],
  });
  expect(lastUserText(messages)).toBe("b");
  expect(lastUserText([])).toBe("");
});
