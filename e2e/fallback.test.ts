/** Our client behind a proxy that lets no WebSocket through, and then does. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, connect } from "@tachikoma/client";
import { createServer, type TachikomaServer } from "@tachikoma/server";
import { afterEach, describe, expect, test } from "vitest";
import { buildConsoleIfStale } from "../scripts/start/console-build.mjs";
import { BlockingProxy } from "./support/blocking-proxy.ts";
import { openBrowser } from "./support/browser.ts";
import { ChatPage } from "./support/chat-page.ts";
import { listeningUrl, ROOT, tachikoma } from "./support/running-process.ts";
import { eventually } from "./support/wait.ts";

const TEST_TIMEOUT_MS = 120_000;
const WAIT_MS = 30_000;
/** A minute of the client takes a second. */
const SPEED = 60;
const PATIENT = { maxEventLoopDelayMs: 60_000, maxEventLoopUtilization: 1, maxHeapShare: 1 };

const fastClock: Clock = {
  nowMs: () => performance.now() * SPEED,
  setTimer(delayMs, task) {
    const timer = setTimeout(task, delayMs / SPEED);
    return { cancel: () => clearTimeout(timer) };
  },
};

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(): Promise<{ server: TachikomaServer; proxy: BlockingProxy }> {
  const server = createServer({
    database: { url: "memory://" },
    limits: PATIENT,
    websocket: { pingIntervalSecs: 0.2, pongTimeoutSecs: 20, maxMessagesPerSec: 10_000 },
    executions: {
      async *say({
        input,
        signal,
        inputs,
      }: {
        input: unknown;
        signal: AbortSignal;
        inputs: AsyncIterable<unknown>;
      }) {
        yield String(input);
        for await (const more of inputs) {
          if (signal.aborted) return;
          yield String(more);
        }
      },
    },
  });
  const { url } = await server.listen({ port: 0 });
  ends.push(() => server.close({ graceMs: 0 }));
  const proxy = await BlockingProxy.start(url);
  ends.push(() => proxy.close());
  return { server, proxy };
}

describe("our client where no WebSocket gets through", { timeout: TEST_TIMEOUT_MS }, () => {
  test("works over HTTP, through cuts, and returns to a WebSocket: every record once", async () => {
    const { server, proxy } = await start();
    const client = connect(proxy.url, { clientId: "alice", ports: { clock: fastClock } });
    ends.push(() => client.close());
    const seen: unknown[] = [];
    const sessions: string[] = [];
    client.on("session", ({ sessionId }) => sessions.push(sessionId));
    client
      .channel("chat:1")
      .subscribe()
      .on("message", ({ data }) => seen.push(data));
    const run = client.channel("chat:1").execute("say", "first");
    const acceptedId = await run.id;
    expect(proxy.passedCount).toBe(0);
    expect(proxy.blockedCount).toBeGreaterThanOrEqual(3);

    let number = 0;
    const publish = async (count: number) => {
      for (let left = count; left > 0; left -= 1) await server.publish("chat:1", ++number);
    };
    const allSeen = () =>
      eventually(
        WAIT_MS,
        "all records",
        () => (seen.length >= number ? true : undefined),
        () => `${seen.length} of ${number}`,
      );
    for (let cut = 0; cut < 3; cut += 1) {
      const publishing = publish(30);
      await eventually(WAIT_MS, "some records", () => (seen.length > cut * 40 + 3 ? true : undefined));
      proxy.cut();
      await publishing;
      await publish(10);
      await allSeen();
    }
    expect(await client.channel("chat:1").publish(++number)).toMatchObject({ position: expect.any(String) });
    await run.input("second");

    proxy.isBlocking = false;
    await eventually(WAIT_MS, "a WebSocket", async () => {
      await publish(1);
      const [connection] = server.connections.ofClient("alice");
      return proxy.passedCount >= 2 && connection !== undefined && client.status.state === "online"
        ? true
        : undefined;
    });
    await publish(20);
    await allSeen();
    expect(seen).toEqual(Array.from({ length: number }, (_, index) => index + 1));
    expect(new Set(sessions).size).toBe(1);
    // What was started over HTTP is stopped over the WebSocket.
    expect(await run.cancel()).toMatchObject({ status: "applied" });
    expect((await run.ended).executionId).toBe(acceptedId);
    expect(run.chunks.filter(({ type }) => type === "text-delta")).toMatchObject([{ delta: "firstsecond" }]);
  });
});

describe("the playground where no WebSocket gets through", { timeout: TEST_TIMEOUT_MS }, () => {
  test("answers, and stops, in a browser", async () => {
    buildConsoleIfStale(ROOT, () => {});
    const folder = mkdtempSync(join(tmpdir(), "tachikoma-fallback-"));
    ends.push(() => rmSync(folder, { recursive: true, force: true }));
    const serving = tachikoma(["serve", "--port", "0", "--database", "memory://"], {
      cwd: folder,
      env: {
        TACHIKOMA_LIMITS__MAX_EVENT_LOOP_DELAY_MS: "60000",
        TACHIKOMA_LIMITS__MAX_EVENT_LOOP_UTILIZATION: "1",
      },
    });
    ends.push(() => serving.kill());
    const proxy = await BlockingProxy.start(await listeningUrl(serving));
    ends.push(() => proxy.close());
    const browser = await openBrowser();
    ends.push(() => browser.close());
    const chat = await ChatPage.open(browser.context.pages()[0]!, `${proxy.url}/`);
    expect(proxy.passedCount).toBe(0);
    await chat.ask("count to 60");
    await chat.reads("3, 4, 5");
    proxy.cut();
    await chat.answerIs("completed");
    expect(await chat.countedNumbers()).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    await chat.ask("count to 500");
    await chat.reads("3, 4, 5");
    await chat.at("stop").click();
    await chat.answerIs("cancelled");
    expect(browser.complaints.filter((text) => !/WebSocket|ERR_|Failed to load/.test(text))).toEqual([]);
  });
});
