import { TachikomaError } from "@tachikoma/protocol";
import { expect, test } from "vitest";
import type { Handler } from "../../executions/handler.ts";
import { createMemoryStore } from "../../stores/memory/memory-store.ts";
import type { Store } from "../../stores/store.ts";
import { CoreFixture } from "../testing/core-fixture.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { storedEnd } from "./stored-end.ts";

const endless: Handler = async function* ({ signal }) {
  yield "begun ";
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
};

const KEY = { tenant: "default", channel: "chat:1" };

/** A server that dies before what became of a command is stored. */
function withoutReceiptUpdates(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === "updateReceipt") return () => Promise.reject(new TachikomaError("STORE_UNAVAILABLE"));
      const member = Reflect.get(target, name) as unknown;
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

async function startEndless(store: Store) {
  const core = new CoreFixture({ store, handlers: { endless } });
  const client = await core.connect("a");
  client.send({ type: "execute", id: "e", handler: "endless", channel: "chat:1", input: null });
  await core.clock.advance(5);
  const executionId = String(client.transport.ofType("receipt")[0]?.["execution_id"]);
  return { core, client, executionId };
}

/** What the next server answers to the same cancel. */
async function cancelAgain(store: Store, executionId: string) {
  const next = new CoreFixture({ store, handlers: { endless }, seed: 2 });
  await next.server.open();
  const client = await next.connect("a");
  client.send({ type: "cancel", id: "c", execution_id: executionId });
  await next.clock.advance(5);
  return client.transport.ofType("receipt");
}

test("EXE-7: a cancel that took effect just before its server died is applied, not unknown", async () => {
  const store = createMemoryStore({ random: seededRandom(1) });
  const { core, client, executionId } = await startEndless(withoutReceiptUpdates(store));
  client.send({ type: "cancel", id: "c", execution_id: executionId });
  await core.clock.advance(5);
  expect(await storedEnd(store, KEY, executionId, 0)).toBe("execution_cancelled");
  const before = await store.logState(KEY);
  expect(await cancelAgain(store, executionId)).toMatchObject([{ ref: "c", status: "applied" }]);
  expect(await cancelAgain(store, executionId)).toMatchObject([{ ref: "c", status: "applied" }]);
  expect(await store.logState(KEY)).toEqual(before);
});

test("EXE-7: a cancel that was accepted by a server that then died is superseded", async () => {
  const store = createMemoryStore({ random: seededRandom(1) });
  const { executionId } = await startEndless(store);
  const accepted = { status: "accepted", executionId, channel: "chat:1" } as const;
  await store.claimReceipt(
    { tenant: "default", clientId: "a", commandId: "c" },
    accepted,
    Number.MAX_SAFE_INTEGER,
  );
  expect(await cancelAgain(store, executionId)).toMatchObject([{ ref: "c", status: "superseded" }]);
});

test("an execution without a stored end has none, and asking writes nothing", async () => {
  const store = createMemoryStore({ random: seededRandom(1) });
  const { executionId } = await startEndless(store);
  const before = await store.logState(KEY);
  expect(await storedEnd(store, KEY, executionId, 0)).toBeUndefined();
  expect(await storedEnd(store, KEY, "nobody", 0)).toBeUndefined();
  expect(await store.logState(KEY)).toEqual(before);
});
