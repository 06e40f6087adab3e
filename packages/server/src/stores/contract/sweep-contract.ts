import { describe, expect, test } from "vitest";
import {
  append,
  CHAT,
  type ContractSubject,
  KEEP_ALL,
  NOW_MS,
  readAll,
  sweepAll,
} from "./contract-fixture.ts";

const SESSION = {
  tenant: "acme",
  subject: "ada",
  clientId: "phone",
  createdAtMs: NOW_MS,
  positions: {},
  holder: 1,
  nodeId: "",
  revision: 1,
};

export function sweepContract(subject: ContractSubject): void {
  describe("sweep", () => {
    test("of a fresh store has nothing to do", async () => {
      expect(await subject.store.sweep({ nowMs: NOW_MS, idleLogMs: 0, idempotencyMs: 0 })).toEqual({
        hasMore: false,
      });
    });

    test("removes sessions past their expiry and leaves the others", async () => {
      const { store } = subject;
      await store.saveSession({ ...SESSION, sessionId: "old", expiresAtMs: NOW_MS + 1000 });
      await store.saveSession({ ...SESSION, sessionId: "new", expiresAtMs: NOW_MS + 5000 });
      await sweepAll(store, NOW_MS + 2000);
      expect(await store.loadSession("acme", "old")).toBeUndefined();
      expect(await store.loadSession("acme", "new")).toBeDefined();
    });

    test("removes receipts past their expiry and leaves the others", async () => {
      const { store } = subject;
      const first = { status: "applied", executionId: "e1", channel: "chat:1" } as const;
      const second = { ...first, executionId: "e2" };
      const keyOf = (commandId: string) => ({ tenant: "acme", clientId: "phone", commandId });
      await store.claimReceipt(keyOf("old"), first, NOW_MS + 1000);
      await store.claimReceipt(keyOf("new"), first, NOW_MS + 5000);
      await sweepAll(store, NOW_MS + 2000);
      expect(await store.claimReceipt(keyOf("old"), second, NOW_MS + 9000)).toEqual(second);
      expect(await store.claimReceipt(keyOf("new"), second, NOW_MS + 9000)).toEqual(first);
    });

    test("removes logs that are empty and idle, and no others", async () => {
      const { store } = subject;
      const keyOf = (channel: string) => ({ tenant: "acme", channel });
      const aged = { ...KEEP_ALL, maxAgeMs: 1000 };
      await store.openLog(keyOf("opened"), NOW_MS);
      await store.openLog(keyOf("opened-later"), NOW_MS + 9000);
      await append(store, ["1"], { key: keyOf("emptied"), retention: aged });
      await append(store, ["1"], { key: keyOf("filled") });
      await append(store, ["1"], { key: keyOf("emptied-later"), retention: aged, nowMs: NOW_MS + 8500 });
      await sweepAll(store, NOW_MS + 10_000, { idleLogMs: 5000 });
      const left: string[] = [];
      for (const channel of ["opened", "opened-later", "emptied", "filled", "emptied-later"]) {
        if ((await store.logState(keyOf(channel))) !== undefined) left.push(channel);
      }
      expect(left).toEqual(["opened-later", "filled", "emptied-later"]);
    });

    test("of an idle log gives the name to a new one with another epoch", async () => {
      const { store } = subject;
      const { base } = await store.openLog(CHAT, NOW_MS);
      await sweepAll(store, NOW_MS + 10_000, { idleLogMs: 5000 });
      expect((await store.openLog(CHAT, NOW_MS + 10_000)).base.epoch).not.toBe(base.epoch);
    });

    test("works in slices, and leaves nothing behind", async () => {
      const { store } = subject;
      const saves = Array.from({ length: 3000 }, (_, index) =>
        store.saveSession({ ...SESSION, sessionId: `s${index}`, expiresAtMs: NOW_MS + 1000 }),
      );
      const opens = Array.from({ length: 300 }, (_, index) =>
        append(store, ["1"], {
          key: { tenant: "acme", channel: `chat:${index}` },
          retention: { ...KEEP_ALL, maxAgeMs: 1000 },
          idempotencyKey: "k",
        }),
      );
      await Promise.all([...saves, ...opens]);
      expect(await sweepAll(store, NOW_MS + 5000, { idleLogMs: 1000, idempotencyMs: 1000 })).toBeGreaterThan(
        1,
      );
      for (let index = 0; index < 3000; index += 100) {
        expect(await store.loadSession("acme", `s${index}`)).toBeUndefined();
        expect(await store.logState({ tenant: "acme", channel: `chat:${index % 300}` })).toBeUndefined();
      }
    });

    test("removes what a deleted log held, while its successor is used", async () => {
      const { store } = subject;
      for (let index = 0; index < 50; index++)
        await append(store, [`"old ${index}"`], { idempotencyKey: `${index}` });
      await store.deleteLog(CHAT);
      await append(store, ['"new"']);
      await sweepAll(store, NOW_MS + 1000);
      expect((await readAll(store)).map(({ body, seq }) => [seq, body])).toEqual([[1, '"new"']]);
    });

    test("does not stop the appends and reads that run beside it", async () => {
      const { store } = subject;
      const retention = { ...KEEP_ALL, maxAgeMs: 1000 };
      await Promise.all(Array.from({ length: 500 }, () => append(store, ["1"], { retention })));
      const nowMs = NOW_MS + 5000;
      const [, results] = await Promise.all([
        sweepAll(store, nowMs),
        Promise.all(Array.from({ length: 50 }, () => append(store, ["2"], { retention, nowMs }))),
      ]);
      expect(results.map(({ firstSeq }) => firstSeq)).toEqual(
        Array.from({ length: 50 }, (_, index) => 501 + index),
      );
      expect(await readAll(store)).toHaveLength(50);
    });
  });
}
