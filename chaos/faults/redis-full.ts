import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { REDIS, redisMissing } from "./stores.ts";

export const redisFull: FaultClass = {
  name: "redis-full",
  title: "Redis memory full",
  injection: "maxmemory is set below what is in use, and lifted again",
  holds: ["C1", "C2", "C3", "C4", "C15"],
  releaseRoundCount: 100,
  roundsPerTrial: 5,
  cluster: () => REDIS,
  obstacle: redisMissing,
  checks: { cancelChunkGraceMs: 2_000, cancelAbortMs: 2_000 },
  async round({ cluster }, dice) {
    const limit = (bytes: string) => cluster.master.command("CONFIG", "SET", "maxmemory", bytes);
    await limit("1mb");
    await lasting(dice.between(100, 800));
    await limit("0");
  },
};
