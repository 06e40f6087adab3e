import { describe, expect, test } from "vitest";
import { append, bodiesOf, type ContractSubject, KEEP_ALL, message, NOW_MS } from "./contract-fixture.ts";

/** Pairs that become equal when they are joined with the wrong separator, folded, trimmed or normalised. */
const LOOKALIKES: readonly (readonly [tenant: string, name: string])[] = [
  ["acme", "chat:1"],
  ["acme:chat", "1"],
  ["acme", "chat:1 "],
  ["acme", "CHAT:1"],
  ["ACME", "chat:1"],
  ["", "acme:chat:1"],
  ["acme\u0000chat", "1"],
  ["acme", "chat\u00001"],
  ["acme/chat", "1"],
  ["acme", "chat/1"],
  ["acme|", "chat"],
  ["acme", "|chat"],
  ['acme","chat', "1"],
  ["acme", '","chat:1'],
  ["acme", "caf\u00e9"],
  ["acme", "cafe\u0301"],
  ["日本", "チャット"],
  ["acme", "'; DROP TABLE log; --"],
];

export function isolationContract(subject: ContractSubject): void {
  describe("names that look alike", () => {
    test("are different logs", async () => {
      const { store } = subject;
      for (const [index, [tenant, channel]] of LOOKALIKES.entries()) {
        const key = { tenant, channel };
        expect(await store.logState(key)).toBeUndefined();
        const request = {
          key,
          records: [message(`${index}`)],
          nowMs: NOW_MS,
          retention: KEEP_ALL,
          idempotencyKey: "k",
        };
        expect(await store.append(request)).toMatchObject({ firstSeq: 1, isDuplicate: false });
      }
      for (const [index, [tenant, channel]] of LOOKALIKES.entries()) {
        expect(await bodiesOf(store, { tenant, channel })).toEqual([`${index}`]);
      }
      await store.deleteLog({ tenant: "acme", channel: "chat:1" });
      expect(await bodiesOf(store, { tenant: "ACME", channel: "chat:1" })).toEqual(["4"]);
    });

    test("are different sessions", async () => {
      const { store } = subject;
      const rest = {
        clientId: "c",
        createdAtMs: NOW_MS,
        expiresAtMs: NOW_MS + 1,
        positions: {},
        holder: 1,
        nodeId: "",
        revision: 1,
      };
      for (const [index, [tenant, sessionId]] of LOOKALIKES.entries()) {
        expect(await store.loadSession(tenant, sessionId)).toBeUndefined();
        await store.saveSession({ tenant, sessionId, subject: `${index}`, ...rest });
      }
      for (const [index, [tenant, sessionId]] of LOOKALIKES.entries()) {
        expect(await store.loadSession(tenant, sessionId)).toMatchObject({
          tenant,
          sessionId,
          subject: `${index}`,
        });
      }
    });

    test("are different receipts", async () => {
      const { store } = subject;
      const keys = LOOKALIKES.flatMap(([tenant, name]) => [
        { tenant, clientId: name, commandId: "c" },
        { tenant, clientId: "c", commandId: name },
      ]);
      for (const [index, key] of keys.entries()) {
        const receipt = { status: "accepted", executionId: `e${index}`, channel: "chat:1" } as const;
        expect(await store.claimReceipt(key, receipt, NOW_MS + 1000)).toEqual(receipt);
      }
    });

    test("are different leases", async () => {
      for (const [tenant, name] of LOOKALIKES) {
        const lease = await subject.store.acquireLease(
          JSON.stringify([tenant, name]),
          "node",
          1000,
          NOW_MS,
          "{}",
        );
        expect(lease).toMatchObject({ name: JSON.stringify([tenant, name]) });
      }
    });
  });

  test("one tenant's appends are never in another's read", async () => {
    const { store } = subject;
    const tenants = ["a", "b", "c"];
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => {
        const tenant = tenants[index % 3]!;
        return append(store, [`"${tenant}"`], { key: { tenant, channel: "chat:1" } });
      }),
    );
    for (const tenant of tenants) {
      const bodies = await bodiesOf(store, { tenant, channel: "chat:1" });
      expect(bodies).toEqual(Array.from({ length: 20 }, () => `"${tenant}"`));
    }
  });
}
