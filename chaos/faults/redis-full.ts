import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { REDIS, redisMissing } from "./stores.ts";

export const redisFull: FaultClass = {
  name: "redis-full",
  title: "Redis memory full, or with an eviction policy that drops what is stored",
  injection:
    "maxmemory is set below what is in use, and lifted again; a node is started on `allkeys-lru`, and has to refuse",
  holds: ["C1", "C2", "C3", "C4", "C15"],
  releaseRoundCount: 100,
  roundsPerTrial: 5,
  cluster: () => REDIS,
  obstacle: redisMissing,
  checks: { cancelChunkGraceMs: 2_000, cancelAbortMs: 2_000 },
  async round(trial, dice) {
    const { cluster } = trial;
    const configure = (name: string, value: string) => cluster.master.command("CONFIG", "SET", name, value);
    await configure("maxmemory", "1mb");
    await lasting(dice.between(100, 800));
    await configure("maxmemory", "0");
    const node = dice.pick(cluster.nodes);
    await node.kill();
    await configure("maxmemory-policy", "allkeys-lru");
    const refusal = await node.startOnce();
    await configure("maxmemory-policy", "noeviction");
    if (refusal === undefined || !refusal.includes("allkeys-lru"))
      trial.recorder.find("eviction", `a node started on allkeys-lru says ${refusal ?? "nothing"}`);
  },
};
