import { describe, expect, test } from "vitest";
import { ProfileError, parseProfile, parseProvision, readProfile } from "./profile.ts";

test("a profile says what a server has", () => {
  const profile = {
    token: "t",
    namespace: "open",
    provides: { auth: true, "handler:echo": "echo", "limit:max_subscriptions": 8 },
    hooks: { stop: ["systemctl", "stop", "it"] },
  };
  expect(parseProfile(profile)).toEqual(profile);
  expect(parseProfile({})).toEqual({ provides: {}, hooks: {} });
});

describe("what is wrong is named", () => {
  test.each<[profile: unknown, what: string]>([
    [[], "The profile is not an object"],
    [{ tokens: 1 }, '"tokens" is not known'],
    [{ token: 7 }, "token is not a text"],
    [{ provides: { "handler:nope": "x" } }, '"handler:nope" is not known'],
    [{ provides: { toString: true } }, '"toString" is not known'],
    [{ provides: { auth: "yes" } }, 'auth is "yes", and has to be true'],
    [{ provides: { "limit:max_subscriptions": "8" } }, "has to be a number above 0"],
    [{ provides: { "handler:echo": "" } }, "has to be a text"],
    [{ hooks: { restart: ["x"] } }, "hooks.restart is not known"],
    [{ hooks: { stop: "systemctl stop it" } }, "hooks.stop is not a list of texts"],
  ])("%j", (profile, what) => {
    expect(() => parseProfile(profile)).toThrow(ProfileError);
    expect(() => parseProfile(profile)).toThrow(what);
  });

  test("a file that is not there, or is no JSON", () => {
    expect(() => readProfile("/nowhere/profile.json")).toThrow("The profile cannot be read");
    expect(() => readProfile(import.meta.filename)).toThrow("is not JSON");
  });
});

test("one thing by name and value", () => {
  expect(parseProvision("auth")).toEqual({ auth: true });
  expect(parseProvision("limit:ping_interval_secs=0.3")).toEqual({ "limit:ping_interval_secs": 0.3 });
  expect(parseProvision("token:expiring=a={expires_at_ms}")).toEqual({
    "token:expiring": "a={expires_at_ms}",
  });
});
