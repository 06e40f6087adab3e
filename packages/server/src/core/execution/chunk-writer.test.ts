import { TachikomaError } from "@tachikoma/protocol";
import { describe, expect, test } from "vitest";
import type { AppendResult } from "../../stores/store.ts";
import type { AppendOptions, LogHub } from "../log/log-hub.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { AppendGrid } from "./append-grid.ts";
import { ChunkWriter } from "./chunk-writer.ts";

const PLACE = { epoch: "k3", lastSeq: 1, tag: "t1" };
const RESULT = { ...PLACE, isDuplicate: false } as AppendResult;

interface Append {
  readonly atMs: number;
  readonly write: number | undefined;
  readonly texts: readonly string[];
}

/** A writer over a log that takes what `answer` lets it take. */
function writing(intervalMs: number, answer: (append: Append) => Promise<AppendResult> = async () => RESULT) {
  const clock = new FakeClock();
  const appends: Append[] = [];
  const failures: unknown[] = [];
  const hub = {
    checkSize() {},
    maxRecordBytesOf: () => 1024 * 1024,
    append(_key: unknown, records: readonly { readonly body: string }[], options: AppendOptions) {
      const texts = records.map(({ body }) => (JSON.parse(body) as { delta: string }).delta);
      const append = { atMs: clock.monotonicMs(), write: options.fence?.write, texts };
      appends.push(append);
      return answer(append);
    },
  } as unknown as LogHub;
  const writer = new ChunkWriter({
    hub,
    clock,
    key: { tenant: "default", channel: "chat:1" },
    executionId: "e1",
    fence: { lease: "execution:e1", token: 7 },
    begin: PLACE,
    pace: { grid: new AppendGrid(clock), intervalMs: () => intervalMs, noteChunks() {} },
    onFailed: (cause) => failures.push(cause),
    onTailLost: () => failures.push("tail lost"),
  });
  const write = (text: string) => writer.write([{ type: "text-delta", id: "0", delta: text }]);
  return { clock, appends, failures, writer, write };
}

const unavailable = () => Promise.reject(new TachikomaError("STORE_UNAVAILABLE"));

describe("pace", () => {
  test("without an interval each chunk goes at once", async () => {
    const { clock, appends, write } = writing(0);
    for (const text of ["1", "2", "3"]) {
      write(text);
      await clock.settle();
    }
    expect(appends.map(({ texts }) => texts)).toEqual([["1"], ["2"], ["3"]]);
  });

  test("the first after a pause goes at once, what follows waits for the next moment of the grid", async () => {
    const { clock, appends, write } = writing(40);
    await clock.advance(1_010);
    const startMs = clock.monotonicMs();
    for (let index = 0; index < 10; index += 1) {
      write(String(index));
      await clock.advance(20);
    }
    await clock.advance(100);
    expect(appends[0]).toMatchObject({ atMs: startMs, texts: ["0"] });
    expect(appends.slice(1).every(({ atMs }) => atMs % 40 === 0)).toBe(true);
    expect(appends.flatMap(({ texts }) => texts).join("")).toBe("0123456789");
    expect(appends.length).toBeLessThanOrEqual(1 + Math.ceil(200 / 40));
  });

  test.each([5, 20, 24, 50, 333, 1_000])(
    "at %i tokens a second there are at most 25 appends in one",
    async (rate) => {
      const { clock, appends, write } = writing(45);
      for (let index = 0; index < rate * 4; index += 1) {
        write(String(index));
        await clock.advance(1_000 / rate);
      }
      const busiest = Math.max(
        ...appends.map(
          ({ atMs }) => appends.filter((one) => one.atMs >= atMs && one.atMs < atMs + 1_000).length,
        ),
      );
      expect(busiest).toBeLessThanOrEqual(25);
    },
  );

  test("a flush does not wait", async () => {
    const { clock, appends, write, writer } = writing(40);
    write("1");
    await clock.settle();
    write("2");
    await writer.flush();
    expect(appends.map(({ texts }) => texts)).toEqual([["1"], ["2"]]);
  });
});

describe("a store that is away", () => {
  test("for a moment is asked again under the same number, and nothing is lost or twice", async () => {
    let isAway = false;
    const { clock, appends, failures, write } = writing(0, () =>
      isAway ? unavailable() : Promise.resolve(RESULT),
    );
    write("1");
    await clock.settle();
    isAway = true;
    write("2");
    await clock.advance(120);
    isAway = false;
    write("3");
    await clock.advance(1_000);
    expect(failures).toEqual([]);
    expect(appends.map(({ write: number, texts }) => [number, ...texts])).toEqual([
      [1, "1"],
      [2, "2"],
      [2, "2"],
      [2, "2"],
      [3, "3"],
    ]);
  });

  test("for longer ends the writing, once", async () => {
    const { clock, appends, failures, write } = writing(0, unavailable);
    write("1");
    for (let second = 0; second < 12; second += 1) await clock.advance(1_000);
    expect(failures).toHaveLength(1);
    expect(appends).toHaveLength(9);
    expect(write("2")).toBeUndefined();
  });

  test("is not asked again once the writing was abandoned", async () => {
    const { clock, appends, failures, write, writer } = writing(0, unavailable);
    write("1");
    await clock.settle();
    writer.abandon();
    await writer.flush();
    await clock.advance(20_000);
    expect(appends).toHaveLength(1);
    expect(failures).toEqual([]);
  });
});

test("a stale fence ends the writing at once", async () => {
  const { clock, appends, failures, write } = writing(0, () => Promise.reject(new TachikomaError("FENCED")));
  write("1");
  await clock.advance(20_000);
  expect(appends).toHaveLength(1);
  expect(failures).toMatchObject([{ code: "FENCED" }]);
});
