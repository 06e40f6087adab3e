import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWithRedis } from "../../packages/server/src/stores/redis/testing/describe-with-redis.ts";
import { findDifference } from "./differential-run.ts";
import { RedisSubject } from "./redis-subject.ts";
import { runSequence } from "./run-sequence.ts";
import { SimSubject } from "./sim-subject.ts";
import { callsOf } from "./store-call.ts";
import type { Subject } from "./subject.ts";

const SEQUENCE_COUNT = 200;
const TIMEOUT_MS = 120_000;

describeWithRedis("the simulated store and the real one on redis-server", () => {
  let redis: RedisSubject;
  beforeAll(async () => {
    redis = await RedisSubject.start();
  });
  afterAll(() => redis?.dispose());

  test(`answer ${SEQUENCE_COUNT} random sequences of calls alike`, { timeout: TIMEOUT_MS }, async () => {
    for (let seed = 1; seed <= SEQUENCE_COUNT; seed += 1) {
      const difference = await runSequence(seed, redis);
      if (difference !== undefined)
        expect.fail(
          `seed ${seed}: ${difference}\nnpx node --conditions=source sim/differential/cli.ts --seed ${seed}`,
        );
    }
  });
});

test("a store that answers differently is found out", async () => {
  const forgetful = new SimSubject();
  const { store } = forgetful;
  const broken = new Proxy(store, {
    get: (target, name) => (name === "renewLease" ? async () => true : Reflect.get(target, name)),
  });
  const brokenSubject: Subject = {
    store: broken,
    clear: () => forgetful.clear(),
    cutReplica: () => forgetful.cutReplica(),
    promoteReplica: () => forgetful.promoteReplica(),
    restart: () => forgetful.restart(),
    restartEmpty: () => forgetful.restartEmpty(),
  };
  for (let seed = 1; seed <= SEQUENCE_COUNT; seed += 1) {
    const found = await findDifference(callsOf(seed, 60), [new SimSubject(), brokenSubject]);
    if (found === undefined) continue;
    expect(found.call.kind).toBe("renewLease");
    return;
  }
  expect.fail(`${SEQUENCE_COUNT} sequences show nothing wrong with a store that renews every lease`);
});
