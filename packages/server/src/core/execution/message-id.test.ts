import { expect, test } from "vitest";
import { messageIdFor } from "./message-id.ts";

const user = { id: "u1", role: "user" };
const assistant = { id: "a1", role: "assistant" };

test.each<[string, unknown, string]>([
  ["nothing", undefined, "x1"],
  ["text", "hi", "x1"],
  ["a conversation that ends with the user", { messages: [assistant, user] }, "x1"],
  ["one that is to be gone on with", { messages: [user, assistant] }, "a1"],
  ["the same, from useChat", { messages: [user, assistant], trigger: "submit-message" }, "a1"],
  ["an answer that is made anew", { messages: [user, assistant], trigger: "regenerate-message" }, "x1"],
  ["messages without ids", { messages: [{ role: "assistant" }] }, "x1"],
  ["an id beyond all measure", { messages: [{ ...assistant, id: "a".repeat(129) }] }, "x1"],
  ["no list of messages", { messages: { at: 1 } }, "x1"],
])("of %s", (_what, input, id) => {
  expect(messageIdFor(input, "x1")).toBe(id);
});
