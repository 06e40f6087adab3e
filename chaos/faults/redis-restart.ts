import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { redisMissing } from "./stores.ts";

type Persistence = "none" | "everysec" | "always";

/** Whether everything that Redis has answered is still there after a crash. */
const KEEPS_WRITES: Record<Persistence, boolean> = { none: false, everysec: false, always: true };

export const redisRestarts: readonly FaultClass[] = (["none", "everysec", "always"] as const).map(
  redisRestart,
);

function redisRestart(persistence: Persistence): FaultClass {
  const isDurable = KEEPS_WRITES[persistence];
  return {
    name: `redis-restart-${persistence}`,
    title: `Redis restart, persistence ${persistence}`,
    injection: "kill -9 of redis-server, started again on what its folder holds",
    holds: isDurable ? ["C1", "C2", "C3", "C4", "C5", "C6"] : ["C1", "C2", "C3", "C4", "C6"],
    releaseRoundCount: 300,
    roundsPerTrial: 5,
    cluster: () => ({ store: { kind: "redis", persistence }, nodeCount: 2 }),
    obstacle: redisMissing,
    mayLoseRecords: !isDurable,
    async round({ cluster }, dice) {
      await cluster.killRedis();
      await lasting(dice.between(0, 500));
      await cluster.startRedis();
    },
  };
}
