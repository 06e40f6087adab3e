import type { Position } from "@tachikoma/protocol";
import { describe, expect, test } from "vitest";
import type { LogKey, Store } from "../store.ts";
import { append, CHAT, type ContractSubject } from "./contract-fixture.ts";

const OTHER: LogKey = { tenant: "acme", channel: "chat:2" };
const DEADLINE_MS = 5_000;

/** What one node heard, with a way to wait for it. */
class Ear {
  readonly heads: { readonly key: LogKey; readonly head: Position }[] = [];
  readonly notes: { readonly key: LogKey; readonly note: string }[] = [];
  lostCount = 0;
  #wake: (() => void) | undefined;

  constructor(store: Store) {
    store.listen({
      onHead: (key, head) => this.#heard(() => this.heads.push({ key, head })),
      onNote: (key, note) => this.#heard(() => this.notes.push({ key, note })),
      onHintsLost: () => this.#heard(() => (this.lostCount += 1)),
    });
  }

  async until(what: string, isThere: () => boolean): Promise<void> {
    const timer = setTimeout(() => this.#wake?.(), DEADLINE_MS);
    const startedAtMs = performance.now();
    while (!isThere()) {
      if (performance.now() - startedAtMs >= DEADLINE_MS)
        throw new Error(`No ${what}; heard ${JSON.stringify([this.heads, this.notes])}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    clearTimeout(timer);
  }

  #heard(note: () => void): void {
    note();
    this.#wake?.();
  }
}

/** For stores that several nodes share; the others have nobody to tell. */
export function hintContract(subject: ContractSubject): void {
  const twoNodes = async () => {
    const here = subject.store;
    const there = await subject.openAnother!();
    return { here, there, ear: new Ear(there) };
  };

  if (!subject.hasNodes) return;
  describe("hint", () => {
    test("what one node wrote the other reads at once", async () => {
      const { here, there } = await twoNodes();
      await append(here, ["1", "2"]);
      expect(await there.logState(CHAT)).toEqual(await here.logState(CHAT));
      expect(await append(there, ["3"])).toMatchObject({ firstSeq: 3 });
      expect(await append(here, ["4"])).toMatchObject({ firstSeq: 4 });
    });

    test("says where the head of a followed log is", async () => {
      const { here, there, ear } = await twoNodes();
      await there.follow(CHAT);
      const { epoch, tag } = await append(here, ["1", "2"]);
      await ear.until("head", () => ear.heads.length > 0);
      expect(ear.heads.at(-1)).toEqual({ key: CHAT, head: { epoch, seq: 2, tag } });
    });

    test("comes for what is followed only", async () => {
      const { here, there, ear } = await twoNodes();
      await there.follow(CHAT);
      await there.follow(OTHER);
      there.unfollow(OTHER);
      await append(here, ["1"], { key: OTHER });
      here.say(OTHER, '"no"');
      await append(here, ["1"]);
      here.say(CHAT, '"yes"');
      await ear.until("note", () => ear.notes.length > 0);
      expect(ear.notes).toEqual([{ key: CHAT, note: '"yes"' }]);
      expect(ear.heads.map(({ key }) => key)).toEqual([CHAT]);
    });

    test("followed anew is heard again", async () => {
      const { here, there, ear } = await twoNodes();
      await there.follow(CHAT);
      there.unfollow(CHAT);
      await there.follow(CHAT);
      here.say(CHAT, '"again"');
      await ear.until("note", () => ear.notes.length > 0);
      expect(ear.notes).toEqual([{ key: CHAT, note: '"again"' }]);
    });

    test("does not come back to who said it", async () => {
      const { here, there, ear } = await twoNodes();
      await there.follow(CHAT);
      there.say(CHAT, '"mine"');
      here.say(CHAT, '"yours"');
      await ear.until("note", () => ear.notes.length > 0);
      expect(ear.notes).toEqual([{ key: CHAT, note: '"yours"' }]);
    });

    test("keeps tenants and unusual names apart", async () => {
      const { here, there, ear } = await twoNodes();
      const odd: LogKey = { tenant: "日本", channel: "chat:{1}'\u00e9" };
      await there.follow(odd);
      here.say({ ...odd, tenant: "other" }, '"no"');
      here.say(odd, '"yes"');
      await ear.until("note", () => ear.notes.length > 0);
      expect(ear.notes).toEqual([{ key: odd, note: '"yes"' }]);
    });

    test("a session, a lease and a roster are the same for all", async () => {
      const { here, there } = await twoNodes();
      const nowMs = 1_760_000_000_000;
      const lease = await here.acquireLease("node:a", "a", 10_000, nowMs, "{}");
      expect(await there.findLease("node:a")).toEqual(lease);
      const roster = { tenant: "acme", kind: "places", name: "phone" } as const;
      const place = { id: "s1", lease: "node:a", value: "{}" };
      expect(await here.enroll({ roster, entry: place, nowMs, maxEntries: 1 })).toBeDefined();
      const second = { roster, entry: { ...place, id: "s2" }, nowMs, maxEntries: 1 };
      expect(await there.enroll(second)).toBeUndefined();
    });
  });
}
