import { describe, expect, test } from "vitest";
import { FakeClock } from "../core/testing/fake-clock.ts";
import { Place, type Spawned } from "./place.ts";
import type { ChildMessage } from "./process-message.ts";
import { MAX_DEATHS } from "./restart-decision.ts";

class FakeProcess implements Spawned {
  readonly pid = 1;
  readonly sent: string[] = [];
  isKilled = false;
  #hear: (message: ChildMessage) => void = () => {};
  #exit: (end: string, isOrderly: boolean) => void = () => {};

  send(message: object): void {
    this.sent.push((message as { readonly type: string }).type);
  }

  kill(): void {
    this.isKilled = true;
    this.end("SIGKILL", false);
  }

  onMessage(hear: (message: ChildMessage) => void): void {
    this.#hear = hear;
  }

  onExit(hear: (end: string, isOrderly: boolean) => void): void {
    this.#exit = hear;
  }

  say(message: ChildMessage): void {
    this.#hear(message);
  }

  end(end = "code 0", isOrderly = true): void {
    this.#exit(end, isOrderly);
  }
}

function scene() {
  const clock = new FakeClock();
  const processes: FakeProcess[] = [];
  const log: string[] = [];
  const givenUp: string[] = [];
  const note = (_fields: object, text: string) => void log.push(text);
  const place = new Place({
    name: "Worker 1",
    fields: { worker: 1 },
    spawn: () => {
      const process = new FakeProcess();
      processes.push(process);
      return process;
    },
    clock,
    logger: { debug: note, info: note, warn: note, error: note },
    onMessage: () => {},
    onGivenUp: (reason) => givenUp.push(reason),
  });
  return { clock, processes, log, givenUp, place };
}

async function servingScene() {
  const made = scene();
  const started = made.place.start();
  made.processes[0]!.say({ type: "serving", url: "http://127.0.0.1:1" });
  expect(await started).toBe("http://127.0.0.1:1");
  return made;
}

describe("a place", () => {
  test("says what kept its first process from starting", async () => {
    const { processes, place } = scene();
    const started = place.start();
    processes[0]!.say({ type: "failed", failure: { message: "in use", code: "STORE_UNAVAILABLE" } });
    processes[0]!.end("code 1", false);
    await expect(started).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", message: "in use" });
    expect(processes).toHaveLength(1);
  });

  test("says so when its first process just ends", async () => {
    const { processes, place } = scene();
    const started = place.start();
    processes[0]!.end("SIGKILL", false);
    await expect(started).rejects.toThrow("Worker 1 has ended (SIGKILL)");
  });

  test("has another process when one dies", async () => {
    const { clock, processes, place } = await servingScene();
    processes[0]!.end("SIGKILL", false);
    expect(place.isServing).toBe(false);
    await clock.advance(0);
    processes[1]!.say({ type: "serving" });
    expect(place.isServing).toBe(true);
  });

  test("gives up with a reason when they keep on dying", async () => {
    const { clock, processes, givenUp, place } = await servingScene();
    for (let death = 1; death <= MAX_DEATHS; death += 1) {
      processes.at(-1)!.say({ type: "failed", failure: { message: "no such module" } });
      processes.at(-1)!.end("code 1", false);
      await clock.advance(5_000);
    }
    expect(givenUp).toEqual([
      "Worker 1 has ended (code 1) (no such module), for the 8th time within 60 seconds",
    ]);
    expect(processes).toHaveLength(MAX_DEATHS);
    expect(place.isServing).toBe(false);
  });

  test("replaces one that leaves by itself, however often", async () => {
    const { processes, givenUp } = await servingScene();
    for (let left = 0; left < 2 * MAX_DEATHS; left += 1) {
      processes.at(-1)!.say({ type: "leaving" });
      processes.at(-1)!.end();
      processes.at(-1)!.say({ type: "serving" });
    }
    expect(processes).toHaveLength(2 * MAX_DEATHS + 1);
    expect(givenUp).toEqual([]);
  });

  test("asks the one of before to leave when the next one serves", async () => {
    const { processes, place } = await servingScene();
    const replaced = place.replace();
    expect(processes[0]!.sent).toEqual([]);
    processes[1]!.say({ type: "serving" });
    await new Promise(setImmediate);
    expect(processes[0]!.sent).toEqual(["leave"]);
    processes[0]!.end();
    expect(await replaced).toBe(true);
    expect(place.isServing).toBe(true);
    expect(processes).toHaveLength(2);
  });

  test("keeps the one of before when the next one does not come up", async () => {
    const { processes, log, place } = await servingScene();
    const replaced = place.replace();
    processes[1]!.end("code 1", false);
    expect(await replaced).toBe(false);
    expect(processes[0]!.sent).toEqual([]);
    expect(place.isServing).toBe(true);
    expect(log).toEqual(["Worker 1 could not be replaced: the one of before stays"]);
  });

  test("starts nothing any more when it stops, and kills what does not end", async () => {
    const { clock, processes, place } = await servingScene();
    const stopped = place.stop(10_000);
    expect(processes[0]!.sent).toEqual(["stop"]);
    await clock.advance(9_999);
    expect(processes[0]!.isKilled).toBe(false);
    await clock.advance(1);
    expect(processes[0]!.isKilled).toBe(true);
    await stopped;
    expect(processes).toHaveLength(1);
    expect(clock.pendingTimerCount).toBe(0);
  });

  test("that waits for its next process stops at once", async () => {
    const { clock, processes, place } = await servingScene();
    processes[0]!.end("SIGKILL", false);
    await place.stop(10_000);
    await clock.advance(60_000);
    expect(processes).toHaveLength(1);
  });
});
