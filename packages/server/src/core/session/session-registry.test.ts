import { expect, test } from "vitest";
import { createMemoryStore } from "../../stores/memory/memory-store.ts";
import { CoreFixture } from "../testing/core-fixture.ts";
import { seededRandom } from "../testing/seeded-random.ts";

test("a connection that loaded the session before another changed it does not undo the change", async () => {
  const core = new CoreFixture();
  const first = await core.connect("a");
  const sessionId = first.connection.session.id;
  first.connection.onClosed(1006);
  await core.clock.settle();
  const late = await core.server.admit({ credential: {}, clientId: "a", sessionId });
  const quick = await core.connect("a", sessionId);
  quick.send({ type: "subscribe", id: "s", channel: "chat:1" });
  await core.clock.settle();
  expect(quick.transport.ofType("subscribed")).toHaveLength(1);
  quick.connection.onClosed(1006);
  await core.clock.settle();
  const resumed = await core.connectAdmitted(late);
  expect(resumed.transport.messages[0]).toMatchObject({ resumed: true });
  expect(JSON.stringify(resumed.transport.messages[0])).toContain('"chat:1"');
});

test("of two connections of one session the newer wins and the older is told why", async () => {
  const core = new CoreFixture();
  const older = await core.connect("a");
  const newer = await core.connect("a", older.connection.session.id);
  expect(older.transport.closed?.code).toBe(4409);
  expect(newer.transport.messages[0]).toMatchObject({ type: "welcome", resumed: true });
  older.connection.onClosed(4409);
  expect(newer.connection.isClosed).toBe(false);
  expect(core.server.sessionCount).toBe(1);
});

test("a connection that knocked earlier and comes through later does not take the session back", async () => {
  const store = createMemoryStore({ random: seededRandom(9) });
  const gate = Promise.withResolvers<void>();
  let isFirstLoad = true;
  const slowFirstLoad = new Proxy(store, {
    get(target, name) {
      if (name !== "loadSession")
        return Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name);
      return async (tenant: string, id: string) => {
        const isHeldBack = isFirstLoad;
        isFirstLoad = false;
        const found = await target.loadSession(tenant, id);
        if (isHeldBack) await gate.promise;
        return found;
      };
    },
  });
  const core = new CoreFixture({ store: slowFirstLoad });
  const first = await core.connect("a");
  const sessionId = first.connection.session.id;
  first.connection.onClosed(1006);
  await core.clock.settle();
  const overtaken = core.server.admit({ credential: {}, clientId: "a", sessionId });
  const newer = await core.connect("a", sessionId);
  gate.resolve();
  const late = await core.connectAdmitted(await overtaken);
  expect(late.transport.messages).toEqual([]);
  expect(late.transport.closed?.code).toBe(4409);
  expect(newer.transport.closed).toBeUndefined();
  expect(newer.connection.isOpen).toBe(true);
});

test("many changes at once are a few writes, and all of them are stored", async () => {
  const core = new CoreFixture();
  const client = await core.connect("a");
  for (let index = 0; index < 8; index += 1) client.send({ type: "subscribe", channel: `chat:${index}` });
  await core.clock.settle();
  expect(client.transport.ofType("subscribed")).toHaveLength(8);
  const stored = await core.store.loadSession("default", client.connection.session.id);
  expect(Object.keys(stored?.positions ?? {})).toHaveLength(8 + 3);
});

test.each([
  ["unknown_session", "nobody", "a"],
  ["foreign_session", undefined, "b"],
] as const)("%s: a fresh session, and the reason", async (reason, sessionId, clientId) => {
  const core = new CoreFixture();
  const owner = await core.connect("a");
  const other = await core.connect(clientId, sessionId ?? owner.connection.session.id);
  expect(other.transport.messages[0]).toMatchObject({ resumed: false, reason });
  expect(other.connection.session.id).not.toBe(owner.connection.session.id);
  expect(owner.transport.closed).toBeUndefined();
});

test("expired_session: after its time to live, counted from the last connection", async () => {
  const core = new CoreFixture();
  const client = await core.connect("a");
  // Off the beat of the sweep, which would forget that there ever was such a session.
  await core.clock.advance(1);
  client.connection.onClosed(1006);
  await core.clock.advance(3_600_001);
  const late = await core.connect("a", client.connection.session.id);
  expect(late.transport.messages[0]).toMatchObject({ resumed: false, reason: "expired_session" });
});
