import { describe, expect, test } from "vitest";
import type { StoredReceipt, StoredSession } from "../store.ts";
import { type ContractSubject, NOW_MS } from "./contract-fixture.ts";

const SESSION: StoredSession = {
  tenant: "acme",
  sessionId: "s1",
  subject: "ada",
  clientId: "phone",
  createdAtMs: NOW_MS,
  expiresAtMs: NOW_MS + 1000,
  positions: { "chat:1": "abc123.4.x7", "chat:日本": "abc123.0.0" },
  holder: 1,
  nodeId: "node-a",
  revision: 1,
};
const KEY = { tenant: "acme", clientId: "phone", commandId: "c1" };
const ACCEPTED: StoredReceipt = { status: "accepted", executionId: "e1", channel: "chat:1" };

export function sessionContract(subject: ContractSubject): void {
  describe("session", () => {
    test("is loaded as it was saved", async () => {
      await subject.store.saveSession(SESSION);
      expect(await subject.store.loadSession("acme", "s1")).toEqual(SESSION);
    });

    test("saved again is replaced as a whole", async () => {
      const { store } = subject;
      await store.saveSession(SESSION);
      const later = {
        ...SESSION,
        expiresAtMs: NOW_MS + 9000,
        positions: { "chat:2": "abc123.9.y1" },
        nodeId: "",
        revision: 2,
      };
      await store.saveSession(later);
      expect(await store.loadSession("acme", "s1")).toEqual(later);
    });

    test("saved twice at once is what was called last", async () => {
      const { store } = subject;
      const saves = Array.from({ length: 20 }, (_, index) =>
        store.saveSession({
          ...SESSION,
          revision: index + 1,
          positions: { "chat:1": `abc123.${index}.x` },
        }),
      );
      await Promise.all(saves);
      expect((await store.loadSession("acme", "s1"))!.positions).toEqual({ "chat:1": "abc123.19.x" });
    });

    test("keeps what it was when it was saved, whatever happens to the caller's object", async () => {
      const { store } = subject;
      const positions: Record<string, string> = { "chat:1": "abc123.1.x" };
      const saved = store.saveSession({ ...SESSION, positions });
      positions["chat:1"] = "abc123.2.y";
      await saved;
      positions["chat:1"] = "abc123.3.z";
      expect((await store.loadSession("acme", "s1"))!.positions).toEqual({ "chat:1": "abc123.1.x" });
    });

    test("that was deleted or never was is undefined", async () => {
      const { store } = subject;
      expect(await store.loadSession("acme", "s1")).toBeUndefined();
      await store.saveSession(SESSION);
      await store.deleteSession("acme", "s1");
      await store.deleteSession("acme", "s1");
      expect(await store.loadSession("acme", "s1")).toBeUndefined();
    });

    test("holds unusual names", async () => {
      const positions = JSON.parse('{"__proto__":"abc123.1.x","constructor":"abc123.2.x","":"abc123.3.x"}');
      const session = { ...SESSION, sessionId: "s'\u0000:1", subject: "名前", positions };
      await subject.store.saveSession(session);
      const loaded = (await subject.store.loadSession("acme", "s'\u0000:1"))!;
      expect(loaded.subject).toBe("名前");
      expect(Object.entries(loaded.positions)).toEqual(Object.entries(positions));
    });
  });

  describe("session that is taken", () => {
    const claim = (nodeId: string) => subject.store.claimSession("acme", "s1", nodeId);

    test("has a new holder, and tells who had it", async () => {
      await subject.store.saveSession(SESSION);
      const first = (await claim("node-b"))!;
      const { holder } = first.session;
      const taken = { ...SESSION, holder, nodeId: "node-b", revision: 0 };
      expect(holder).toBeGreaterThan(SESSION.holder);
      expect(first).toEqual({ session: taken, previousHolder: SESSION.holder, previousNodeId: "node-a" });
      expect(await subject.store.loadSession("acme", "s1")).toEqual(taken);
      const second = (await claim("node-c"))!;
      expect(second).toMatchObject({ previousHolder: holder, previousNodeId: "node-b" });
      expect(second.session.holder).toBeGreaterThan(holder);
    });

    test("is not made by taking it", async () => {
      expect(await claim("node-b")).toBeUndefined();
      expect(await subject.store.loadSession("acme", "s1")).toBeUndefined();
    });

    test("by many at once goes to each in turn, with a number of its own", async () => {
      await subject.store.saveSession(SESSION);
      const claims = await Promise.all(Array.from({ length: 10 }, (_, index) => claim(`node-${index}`)));
      const holders = claims.map((found) => found!.session.holder);
      expect(claims.map((found) => found!.previousHolder)).toEqual([SESSION.holder, ...holders.slice(0, -1)]);
      expect(new Set(holders).size).toBe(10);
    });

    test("is not written any more by who had it", async () => {
      const { store } = subject;
      await store.saveSession(SESSION);
      const { session } = (await claim("node-b"))!;
      const late = { ...SESSION, revision: 9, positions: { "chat:9": "abc123.9.z" } };
      expect(await store.saveSession(late)).toBe(false);
      expect(await store.loadSession("acme", "s1")).toEqual(session);
      expect(await store.saveSession({ ...session, revision: 1, positions: {} })).toBe(true);
      expect((await store.loadSession("acme", "s1"))!.positions).toEqual({});
    });

    test("takes no write that is older than what is stored, and says nothing of it", async () => {
      const { store } = subject;
      const newer = { ...SESSION, revision: 7, positions: { "chat:7": "abc123.7.z" } };
      await store.saveSession(newer);
      expect(await store.saveSession({ ...SESSION, revision: 6 })).toBe(true);
      expect(await store.loadSession("acme", "s1")).toEqual(newer);
    });
  });

  describe("receipt", () => {
    test("is claimed once: the first one stays", async () => {
      const { store } = subject;
      expect(await store.claimReceipt(KEY, ACCEPTED, NOW_MS + 1000)).toEqual(ACCEPTED);
      const other: StoredReceipt = { status: "accepted", executionId: "e2", channel: "chat:2" };
      expect(await store.claimReceipt(KEY, other, NOW_MS + 1000)).toEqual(ACCEPTED);
    });

    test("claimed by many at once goes to one of them, and all learn which", async () => {
      const claims = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          subject.store.claimReceipt(KEY, { ...ACCEPTED, executionId: `e${index}` }, NOW_MS + 1000),
        ),
      );
      expect(new Set(claims.map(({ executionId }) => executionId))).toEqual(new Set(["e0"]));
    });

    test("that is updated is what a later claim finds", async () => {
      const { store } = subject;
      await store.claimReceipt(KEY, ACCEPTED, NOW_MS + 1000);
      const rejected: StoredReceipt = { ...ACCEPTED, status: "rejected", errorCode: "EXECUTION_ENDED" };
      await store.updateReceipt(KEY, rejected);
      expect(await store.claimReceipt(KEY, ACCEPTED, NOW_MS + 1000)).toEqual(rejected);
      await store.updateReceipt(KEY, { ...ACCEPTED, status: "applied" });
      expect(await store.claimReceipt(KEY, ACCEPTED, NOW_MS + 1000)).toEqual({
        ...ACCEPTED,
        status: "applied",
      });
    });

    test("that is updated keeps its time", async () => {
      const { store } = subject;
      await store.claimReceipt(KEY, ACCEPTED, NOW_MS + 1000);
      await store.updateReceipt(KEY, { ...ACCEPTED, status: "applied" });
      await store.sweep({ nowMs: NOW_MS + 2000, idleLogMs: 1e12, idempotencyMs: 1e12 });
      expect(await store.claimReceipt(KEY, ACCEPTED, NOW_MS + 3000)).toEqual(ACCEPTED);
    });

    test("is not made by an update", async () => {
      await subject.store.updateReceipt(KEY, { ...ACCEPTED, status: "applied" });
      expect(await subject.store.claimReceipt(KEY, ACCEPTED, NOW_MS + 1000)).toEqual(ACCEPTED);
    });
  });
}
