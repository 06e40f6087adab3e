import { ORIGIN_TAG } from "@tachikoma/protocol";
import { describe, expect, test } from "vitest";
import type { NewRecord } from "../store.ts";
import {
  append,
  bodiesOf,
  CHAT,
  type ContractSubject,
  KEEP_ALL,
  message,
  NOW_MS,
  readAll,
} from "./contract-fixture.ts";

export function appendContract(subject: ContractSubject): void {
  describe("openLog", () => {
    test("makes an empty log that stands at its origin", async () => {
      const { base, head } = await subject.store.openLog(CHAT, NOW_MS);
      expect(base).toEqual({ epoch: expect.stringMatching(/^[0-9a-z]{6}$/), seq: 0, tag: ORIGIN_TAG });
      expect(head).toEqual(base);
    });

    test("returns the ends of a log that exists and keeps its epoch", async () => {
      const { store } = subject;
      const opened = await store.openLog(CHAT, NOW_MS);
      const result = await append(store, ["1", "2"]);
      expect(result.epoch).toBe(opened.base.epoch);
      const expected = { base: opened.base, head: { epoch: result.epoch, seq: 2, tag: result.tag } };
      expect(await store.openLog(CHAT, NOW_MS + 1)).toEqual(expected);
      expect(await store.logState(CHAT)).toEqual(expected);
    });

    test("is one log for all who open it at once", async () => {
      const states = await Promise.all(Array.from({ length: 20 }, () => subject.store.openLog(CHAT, NOW_MS)));
      expect(new Set(states.map(({ base }) => base.epoch)).size).toBe(1);
    });
  });

  describe("append", () => {
    test("makes the log where there is none", async () => {
      const result = await append(subject.store, ["1"]);
      expect(result).toEqual({
        epoch: expect.stringMatching(/^[0-9a-z]{6}$/),
        firstSeq: 1,
        lastSeq: 1,
        tag: expect.stringMatching(/^[0-9a-z]{5}$/),
        timeMs: NOW_MS,
        isDuplicate: false,
      });
    });

    test("keeps every field of a record and adds seq, tag and time", async () => {
      const full: NewRecord = {
        type: "chunk",
        body: '{"type":"text-delta"}',
        sender: "phone",
        executionId: "e1",
        exclude: ["s1", "s2"],
      };
      const plain: NewRecord = { type: "execution_started", body: "{}" };
      const records = [full, plain, full, { ...full, exclude: [] }];
      const { tag } = await subject.store.append({ key: CHAT, records, nowMs: NOW_MS, retention: KEEP_ALL });
      expect(await readAll(subject.store)).toEqual(
        records.map((record, index) => ({ ...record, seq: index + 1, tag, timeMs: NOW_MS })),
      );
    });

    test("gives each append a tag of its own", async () => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, index) => append(subject.store, [`${index}`])),
      );
      expect(new Set(results.map(({ tag }) => tag)).size).toBe(50);
      expect((await readAll(subject.store)).map(({ tag }) => tag)).toEqual(results.map(({ tag }) => tag));
    });

    test("rule 2: appends called together are applied in the order of the calls, without gaps", async () => {
      const sizes = Array.from({ length: 200 }, (_, index) => 1 + (index % 4));
      const results = await Promise.all(
        sizes.map((size, index) =>
          append(
            subject.store,
            Array.from({ length: size }, (_, part) => `"${index}.${part}"`),
          ),
        ),
      );
      let nextSeq = 1;
      for (const [index, { firstSeq, lastSeq }] of results.entries()) {
        expect({ index, firstSeq, lastSeq }).toEqual({
          index,
          firstSeq: nextSeq,
          lastSeq: nextSeq + sizes[index]! - 1,
        });
        nextSeq = lastSeq + 1;
      }
      const records = await readAll(subject.store);
      expect(records.map(({ seq }) => seq)).toEqual(
        Array.from({ length: nextSeq - 1 }, (_, index) => index + 1),
      );
      expect(records.map(({ body }) => body)).toEqual(
        sizes.flatMap((size, index) => Array.from({ length: size }, (_, part) => `"${index}.${part}"`)),
      );
    });

    test("rule 2: many logs at once do not disturb each other", async () => {
      const keys = Array.from({ length: 30 }, (_, index) => ({ tenant: "acme", channel: `chat:${index}` }));
      const rounds = Array.from({ length: 10 }, (_, round) => round);
      await Promise.all(
        rounds.flatMap((round) => keys.map((key) => append(subject.store, [`${round}`], { key }))),
      );
      for (const key of keys) expect(await bodiesOf(subject.store, key)).toEqual(rounds.map(String));
    });

    test("rule 2: records of one append become visible together", async () => {
      const { store } = subject;
      await store.openLog(CHAT, NOW_MS);
      const seen: number[] = [];
      const appends = Array.from({ length: 20 }, () => append(store, ["1", "2", "3", "4", "5", "6", "7"]));
      const watch = appends.map(async () => {
        const { state, records } = (await store.read({
          key: CHAT,
          afterSeq: 0,
          maxRecords: 1000,
          maxBytes: 1e6,
        }))!;
        expect(records).toHaveLength(state.head.seq);
        seen.push(state.head.seq);
      });
      await Promise.all([...appends, ...watch]);
      expect(seen.filter((headSeq) => headSeq % 7 !== 0)).toEqual([]);
    });

    test("rule 1: what was confirmed can be read at once", async () => {
      const { store } = subject;
      for (let round = 1; round <= 10; round++) {
        const { lastSeq } = await append(store, [`${round}`]);
        const read = await store.read({ key: CHAT, afterSeq: lastSeq - 1, maxRecords: 1, maxBytes: 1 });
        expect(read!.records.map(({ body }) => body)).toEqual([`${round}`]);
      }
    });

    test("holds unusual text as it is", async () => {
      const bodies = [
        '"\u0000 after a NUL"',
        JSON.stringify("lone \ud800 surrogate"),
        `"quotes ' and \\" and ; DROP TABLE log; --"`,
        '"日本語 \u{1f980} e\u0301 \u2028"',
        '""',
        "",
        `"${"x".repeat(1024 * 1024)}"`,
        `"${"é\u{1f980}".repeat(100_000)}"`,
      ];
      await append(subject.store, bodies);
      expect(await bodiesOf(subject.store)).toEqual(bodies);
    });

    test("takes an append of thousands of records", async () => {
      const bodies = Array.from({ length: 5000 }, (_, index) => `{"n":${index}}`);
      expect(await append(subject.store, bodies)).toMatchObject({ firstSeq: 1, lastSeq: 5000 });
      expect(await bodiesOf(subject.store)).toEqual(bodies);
    });

    test("with an expected head appends only while the log ends exactly there", async () => {
      const { store } = subject;
      const { head: origin } = await store.openLog(CHAT, NOW_MS);
      const first = await append(store, ["1"], { expectedHead: origin });
      expect(first).toMatchObject({ firstSeq: 1, isDuplicate: false });
      const { epoch, lastSeq: seq, tag } = first;
      const head = { epoch, seq, tag };
      const others = [
        origin,
        { ...head, seq: 2 },
        { ...head, tag: "other" },
        { ...head, epoch: "other" },
        { ...head, seq: 0 },
      ];
      for (const expectedHead of others) {
        await expect(append(store, ["x"], { expectedHead })).rejects.toMatchObject({ code: "HEAD_MOVED" });
      }
      await append(store, ["2", "3"], { expectedHead: head });
      expect(await bodiesOf(store)).toEqual(["1", "2", "3"]);
    });

    test("with an expected head refuses where there is no log, and makes none", async () => {
      const expectedHead = { epoch: "none00", seq: 0, tag: ORIGIN_TAG };
      await expect(append(subject.store, ["1"], { expectedHead })).rejects.toMatchObject({
        code: "HEAD_MOVED",
      });
      expect(await subject.store.logState(CHAT)).toBeUndefined();
    });

    test("with the same expected head lets one of many through", async () => {
      const { store } = subject;
      const { head } = await store.openLog(CHAT, NOW_MS);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) => append(store, [`${index}`], { expectedHead: head })),
      );
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect(await bodiesOf(store)).toHaveLength(1);
    });

    test("looks at an idempotency key and a fence before the expected head", async () => {
      const { store } = subject;
      const lease = (await store.acquireLease("execution:1", "a", 1000, NOW_MS, "{}"))!;
      const fence = { lease: lease.name, token: lease.token };
      const { head } = await store.openLog(CHAT, NOW_MS);
      const first = await append(store, ["1"], { expectedHead: head, idempotencyKey: "k", fence });
      const again = await append(store, ["1"], { expectedHead: head, idempotencyKey: "k", fence });
      expect(again).toEqual({ ...first, isDuplicate: true });
      const stale = { ...fence, token: fence.token - 1 };
      await expect(append(store, ["2"], { expectedHead: head, fence: stale })).rejects.toMatchObject({
        code: "FENCED",
      });
    });

    test("refuses an append without records", async () => {
      await expect(append(subject.store, [])).rejects.toThrow("at least one record");
      expect(await subject.store.logState(CHAT)).toBeUndefined();
    });
  });

  describe("deleteLog", () => {
    test("leaves nothing, and a log opened after it has another epoch", async () => {
      const { store } = subject;
      const first = await append(store, ["1", "2"]);
      await store.deleteLog(CHAT);
      expect(await store.logState(CHAT)).toBeUndefined();
      expect(await store.read({ key: CHAT, afterSeq: 0, maxRecords: 10, maxBytes: 1000 })).toBeUndefined();
      const { base, head } = await store.openLog(CHAT, NOW_MS);
      expect(base).toMatchObject({ seq: 0, tag: ORIGIN_TAG });
      expect(head).toEqual(base);
      expect(base.epoch).not.toBe(first.epoch);
      await append(store, ["3"]);
      expect(await bodiesOf(store)).toEqual(["3"]);
    });

    test("does nothing where there is no log", async () => {
      await subject.store.deleteLog(CHAT);
      expect(await subject.store.logState(CHAT)).toBeUndefined();
    });

    test("called between appends, takes what was before it and nothing after", async () => {
      const { store } = subject;
      const [before, , after] = await Promise.all([
        append(store, ["1", "2"]),
        store.deleteLog(CHAT),
        append(store, ["3"]),
      ]);
      expect(before.lastSeq).toBe(2);
      expect(after.lastSeq).toBe(1);
      expect(after.epoch).not.toBe(before.epoch);
      await sweepNothing(store);
      expect(await bodiesOf(store)).toEqual(["3"]);
    });
  });

  async function sweepNothing(store: ContractSubject["store"]): Promise<void> {
    await store.sweep({ nowMs: NOW_MS, idleLogMs: 1e12, idempotencyMs: 1e12 });
  }

  test("a record of one log has no trace in another", async () => {
    await append(subject.store, ["1"]);
    const other = { tenant: "acme", channel: "chat:2" };
    await subject.store.append({ key: other, records: [message("2")], nowMs: NOW_MS, retention: KEEP_ALL });
    expect(await bodiesOf(subject.store)).toEqual(["1"]);
    expect(await bodiesOf(subject.store, other)).toEqual(["2"]);
  });
}
