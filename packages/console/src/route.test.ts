import { expect, test } from "vitest";
import { chatChannel, formatRoute, parseRoute } from "./route.ts";

test("a chat's address and its route are the same thing", () => {
  const route = { page: "chat", chatId: "a-B_9" } as const;
  expect(formatRoute(route)).toBe("#/chat/a-B_9");
  expect(parseRoute(formatRoute(route))).toEqual(route);
  expect(chatChannel(route.chatId)).toBe("chat:a-B_9");
});

test.each([
  "",
  "#",
  "#/",
  "#/chat/",
  "#/chat/a b",
  "#/chat/a/b",
  `#/chat/${"x".repeat(65)}`,
  "#/chat/%3Cscript%3E",
  "#/other",
])("%j names no chat", (hash) => {
  expect(parseRoute(hash)).toBeUndefined();
});
