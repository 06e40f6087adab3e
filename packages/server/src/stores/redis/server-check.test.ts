import { describe, expect, test } from "vitest";
import { judgeServer, type RedisDurability, type ServerFacts, serverFacts } from "./server-check.ts";

const GOOD: ServerFacts = {
  version: "7.0.15",
  role: "master",
  runId: "a",
  inheritedId: "0",
  isLoading: false,
  evictionPolicy: "noeviction",
  replicaCount: 0,
  hasAppendOnlyFile: false,
  appendFsync: "everysec",
};

describe("what a server says about itself", () => {
  test("is read from INFO", () => {
    const info =
      "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n\r\n# Replication\r\nrole:master\r\nconnected_slaves:2\r\n" +
      "master_replid2:000\r\n# Persistence\r\nloading:1\r\naof_enabled:1\r\n# Memory\r\nmaxmemory_policy:volatile-lru\r\n";
    expect(serverFacts(info, "always")).toEqual({
      version: "7.0.15",
      role: "master",
      runId: "abc",
      inheritedId: "000",
      isLoading: true,
      evictionPolicy: "volatile-lru",
      replicaCount: 2,
      hasAppendOnlyFile: true,
      appendFsync: "always",
    });
  });

  test.each<[string, Partial<ServerFacts>, RedisDurability, string]>([
    ["an old version", { version: "6.2.14" }, "memory", "is version 6.2.14; 7.0 is the oldest that works"],
    ["no version", { version: "" }, "memory", "is version unknown"],
    ["a policy that evicts anything", { evictionPolicy: "allkeys-lfu" }, "memory", "use noeviction"],
    ["no append-only file", {}, "fsync", "has appendonly off"],
    ["a lazy fsync", { hasAppendOnlyFile: true }, "fsync", "has appendfsync everysec"],
    [
      "a secret about its fsync",
      { hasAppendOnlyFile: true, appendFsync: undefined },
      "fsync",
      "CONFIG GET is refused",
    ],
  ])("makes it unusable for good with %s", (_what, facts, durability, reason) => {
    expect(judgeServer({ ...GOOD, ...facts }, durability)).toEqual({
      isUsable: false,
      isPermanent: true,
      reason: expect.stringContaining(reason),
    });
  });

  test.each<[string, Partial<ServerFacts>, RedisDurability, string]>([
    ["while it loads", { isLoading: true }, "memory", "still loading"],
    ["while it is a replica", { role: "slave" }, "memory", "is a replica"],
    ["while no replica is there", {}, "replica", "no replica connected"],
  ])("makes it unusable %s", (_what, facts, durability, reason) => {
    expect(judgeServer({ ...GOOD, ...facts }, durability)).toEqual({
      isUsable: false,
      isPermanent: false,
      reason: expect.stringContaining(reason),
    });
  });

  test.each<[Partial<ServerFacts>, RedisDurability, string]>([
    [{}, "memory", "none"],
    [{ evictionPolicy: "volatile-lru" }, "memory", "none"],
    [{ version: "8.2.0" }, "memory", "none"],
    [{ replicaCount: 1 }, "replica", "replica"],
    [{ hasAppendOnlyFile: true, appendFsync: "always" }, "fsync", "none"],
    [{ version: "7.2.4", hasAppendOnlyFile: true, appendFsync: undefined }, "fsync", "fsync"],
    [{ version: "10.0.1", hasAppendOnlyFile: true }, "fsync", "fsync"],
  ])("with %j gives durability %j by confirmation %j", (facts, durability, kind) => {
    expect(judgeServer({ ...GOOD, ...facts }, durability)).toEqual({
      isUsable: true,
      confirmation: { kind },
    });
  });
});
