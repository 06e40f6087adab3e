import { expect, test } from "vitest";
import { createAuthorize } from "./authorize.ts";
import type { Identity, Verb } from "./identity.ts";
import { DEFAULT_NAMESPACE, NamespaceTable, type PermissionHook } from "./namespace.ts";

const VERBS: readonly Verb[] = [
  "subscribe",
  "publish",
  "signal",
  "execute",
  "cancel",
  "input",
  "presence",
  "history",
];

function identity(over: Partial<Identity> = {}): Identity {
  return { tenant: "t", subject: "s", clientId: "c", grants: undefined, expiresAtMs: undefined, ...over };
}

function authorizeWith(hooks: Partial<Record<"canSubscribe" | "canPublish" | "canExecute", PermissionHook>>) {
  const namespaces = new NamespaceTable(
    { chat: { ...DEFAULT_NAMESPACE, ...hooks } },
    DEFAULT_NAMESPACE,
    1_000,
  );
  return createAuthorize(namespaces, () => 1_000);
}

test.each(VERBS)("%s: allowed without grants and hooks, refused after expiry", async (verb) => {
  const authorize = authorizeWith({});
  expect(await authorize(identity(), verb, "chat:1")).toBe(true);
  expect(await authorize(identity({ expiresAtMs: 1_001 }), verb, "chat:1")).toBe(true);
  expect(await authorize(identity({ expiresAtMs: 1_000 }), verb, "chat:1")).toBe(false);
});

test.each(VERBS)("%s: what is not granted is refused", async (verb) => {
  const authorize = authorizeWith({});
  const only = (grant: Identity["grants"]) => identity({ grants: grant });
  expect(await authorize(only([]), verb, "chat:1")).toBe(false);
  expect(await authorize(only([{ verbs: [verb], channels: "chat:1" }]), verb, "chat:1")).toBe(true);
  expect(await authorize(only([{ verbs: "all", channels: "chat:*" }]), verb, "chat:1")).toBe(true);
  expect(await authorize(only([{ verbs: "all", channels: "chat:1" }]), verb, "chat:12")).toBe(false);
  expect(await authorize(only([{ verbs: ["custom"], channels: "*" }]), verb, "chat:1")).toBe(false);
});

test.each([
  ["subscribe", "canSubscribe"],
  ["history", "canSubscribe"],
  ["presence", "canSubscribe"],
  ["publish", "canPublish"],
  ["signal", "canPublish"],
  ["execute", "canExecute"],
  ["cancel", "canExecute"],
  ["input", "canExecute"],
] as const)("%s asks %s, and a hook that fails has not said yes", async (verb, hook) => {
  const answers: readonly [PermissionHook, boolean][] = [
    [() => true, true],
    [() => false, false],
    [async () => true, true],
    [async () => false, false],
    [() => Promise.reject(new Error("down")), false],
    [
      () => {
        throw new Error("bug");
      },
      false,
    ],
  ];
  for (const [answer, expected] of answers) {
    expect(await authorizeWith({ [hook]: answer })(identity(), verb, "chat:1")).toBe(expected);
  }
});

test("names of the server's own channels are nobody's", () => {
  expect(authorizeWith({})(identity(), "subscribe", "~client:c")).toBe(false);
});
