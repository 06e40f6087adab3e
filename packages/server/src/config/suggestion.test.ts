import { describe, expect, test } from "vitest";
import { closestName } from "./suggestion.ts";

describe("closestName", () => {
  const candidates = [
    "host",
    "port",
    "log_level",
    "ping_interval_secs",
    "max_frame_size",
    "allow_unauthenticated_remote",
  ];

  test.each([
    ["prot", "port"],
    ["hots", "host"],
    ["logLevel", "log_level"],
    ["log-level", "log_level"],
    ["ping_interval", "ping_interval_secs"],
    ["max_frame_szie", "max_frame_size"],
    ["allow_unathenticated_remote", "allow_unauthenticated_remote"],
  ])("%s means %s", (name, meant) => {
    expect(closestName(name, candidates)).toBe(meant);
  });

  test.each(["zebra", "x", "compression"])("%s means none of them", (name) => {
    expect(closestName(name, candidates)).toBeUndefined();
  });

  test("there is nothing to suggest from nothing", () => {
    expect(closestName("port", [])).toBeUndefined();
  });
});
