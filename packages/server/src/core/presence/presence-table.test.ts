import { TachikomaError } from "@tachikoma/protocol";
import { expect, test } from "vitest";
import { createMemoryStore } from "../../stores/memory/memory-store.ts";
import type { Store } from "../../stores/store.ts";
import { DEFAULT_NAMESPACE } from "../namespace.ts";
import { type ConnectedClient, CoreFixture } from "../testing/core-fixture.ts";
import { seededRandom } from "../testing/seeded-random.ts";

const LEASE_TTL_MS = 15_000;

/** A store that does not renew leases for a while. */
function withoutRenewals(store: Store, isRefusing: () => boolean): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name !== "renewLease" || !isRefusing())
        return Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name);
      return async () => {
        throw new TachikomaError("STORE_UNAVAILABLE");
      };
    },
  });
}

async function pass(
  core: CoreFixture,
  ms: number,
  { connection, transport }: ConnectedClient,
): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 1_000) {
    await core.clock.advance(1_000);
    for (const ping of transport.pings.splice(0)) connection.onPong(ping);
  }
}

test("PRE-2 a list that was read while the lease of the only node was lost is put right with the lease", async () => {
  let isRefusing = false;
  const store = withoutRenewals(createMemoryStore({ random: seededRandom(1) }), () => isRefusing);
  const room = { ...DEFAULT_NAMESPACE, isPresenceEnabled: true };
  const core = new CoreFixture({ store, namespaces: { room } });
  await core.server.open();
  const client = await core.connect("ann");
  client.send({ type: "subscribe", id: "s1", channel: "room:1" });
  client.send({ type: "subscribe", id: "s2", channel: "room:2" });
  // So that the change below is not the first of all, and the roster has to be read.
  client.send({ type: "presence", channel: "room:2", state: "elsewhere" });
  await core.clock.settle();
  isRefusing = true;
  await pass(core, LEASE_TTL_MS, client);
  client.send({ type: "presence", channel: "room:1", state: "here" });
  await core.clock.settle();
  isRefusing = false;
  await pass(core, LEASE_TTL_MS, client);
  const events = client.transport.ofType("presence").filter(({ channel }) => channel === "room:1");
  expect(events.at(-1)).toMatchObject({ event: "join", members: [{ client_id: "ann", state: "here" }] });
});
