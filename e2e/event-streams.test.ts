/** Stock readers of `/events` whose connections are cut: the `eventsource` package, and the browser's own. */
import { createServer as createHttpServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer, type TachikomaServer } from "@tachikoma/server";
// The page has one of its own, under the name itself.
import { EventSource as StockEventSource } from "eventsource";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { BlockingProxy } from "./support/blocking-proxy.ts";
import { type Browser, openBrowser } from "./support/browser.ts";
import { eventually } from "./support/wait.ts";

const TEST_TIMEOUT_MS = 60_000;
const WAIT_MS = 20_000;
const RECORDS_PER_ROUND = 40;
const CUTS = 3;

/** Other tests keep the machine busy: that must refuse nobody here. */
const PATIENT = { maxEventLoopDelayMs: 60_000, maxEventLoopUtilization: 1, maxHeapShare: 1 };

/** What a reader of two channels has seen, in order. */
interface Reader {
  seen(): Promise<readonly string[]>;
  /** How often it had to open its stream. */
  openCount(): Promise<number>;
  /** True when it has stopped for good. */
  isClosed(): Promise<boolean>;
}

let page: Server;
let pageUrl: string;
let server: TachikomaServer;
let proxy: BlockingProxy;

beforeAll(async () => {
  page = createHttpServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<!doctype html><title>reader</title>");
  });
  await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve));
  pageUrl = `http://127.0.0.1:${(page.address() as AddressInfo).port}/`;
});
afterAll(() => {
  page.closeAllConnections();
  page.close();
});

beforeEach(async () => {
  server = createServer({
    database: { url: "memory://" },
    limits: PATIENT,
    security: { allowedOrigins: [new URL(pageUrl).origin] },
    executions: {
      async *count({ input }: { input: unknown }) {
        for (let number = 1; number <= Number(input); number += 1) yield `${number} `;
      },
    },
  });
  const { url } = await server.listen({ port: 0 });
  proxy = await BlockingProxy.start(url);
});
afterEach(async () => {
  await proxy.close();
  await server.close({ graceMs: 0 });
});

async function publishRound(round: number): Promise<void> {
  for (let index = 0; index < RECORDS_PER_ROUND; index += 1) {
    await server.publish(index % 3 === 0 ? "news" : "chat:1", `${round}/${index}`);
  }
}

const cutText = (text: string) => text.split("|") as [channel: string, data: string];

async function cutAndCompare(reader: Reader): Promise<void> {
  const seenCount = async (count: number) =>
    eventually(WAIT_MS, `${count} records`, async () =>
      (await reader.seen()).length >= count ? true : undefined,
    );
  await eventually(WAIT_MS, "the stream", async () => ((await reader.openCount()) > 0 ? true : undefined));
  for (let round = 0; round <= CUTS; round += 1) {
    const before = round * RECORDS_PER_ROUND;
    const publishing = publishRound(round);
    if (round < CUTS) {
      // In the middle of it: some are read, some on their way, some not published yet.
      await seenCount(before + 5);
      proxy.cut();
    }
    await publishing;
    await seenCount(before + RECORDS_PER_ROUND);
  }
  const expected: string[] = [];
  for (let round = 0; round <= CUTS; round += 1) {
    for (let index = 0; index < RECORDS_PER_ROUND; index += 1)
      expected.push(`${index % 3 === 0 ? "news" : "chat:1"}|${round}/${index}`);
  }
  const seen = await reader.seen();
  for (const name of ["news", "chat:1"]) {
    const of = (all: readonly string[]) => all.filter((text) => cutText(text)[0] === name);
    expect(of(seen)).toEqual(of(expected));
  }
  expect(await reader.openCount()).toBe(CUTS + 1);
}

describe("the eventsource package", { timeout: TEST_TIMEOUT_MS }, () => {
  const sources: StockEventSource[] = [];
  afterEach(() => {
    for (const source of sources.splice(0)) source.close();
  });

  function open(query: string): Reader {
    const source = new StockEventSource(`${proxy.url}/events?${query}`);
    sources.push(source);
    const seen: string[] = [];
    let openCount = 0;
    source.onmessage = ({ data }) => {
      const message = JSON.parse(data) as { type: string; channel: string; data: string };
      if (message.type === "subscribed") openCount += message.channel === "chat:1" ? 1 : 0;
      if (message.type === "message") seen.push(`${message.channel}|${message.data}`);
      if (message.type === "execution_completed") seen.push("completed|");
    };
    return {
      seen: async () => seen,
      openCount: async () => openCount,
      isClosed: async () => source.readyState === source.CLOSED,
    };
  }

  test("SSE-5 sees every record once, however often its connection is cut", () =>
    cutAndCompare(open("channel=chat:1&channel=news&client_id=reader")));

  test("SSE-8 SSE-9 stops when the execution has ended", async () => {
    const reader = open("channel=chat:1&until=end");
    await eventually(WAIT_MS, "the stream", async () => ((await reader.openCount()) > 0 ? true : undefined));
    await startCounting();
    await eventually(WAIT_MS, "the stop", async () => ((await reader.isClosed()) ? true : undefined));
    expect(await reader.seen()).toEqual(["completed|"]);
  });
});

test("SSE-12 the eventsource package waits for a place, and gets it", {
  timeout: TEST_TIMEOUT_MS,
}, async () => {
  const url = `${proxy.url}/events?channel=chat:1&client_id=crowded`;
  const holders = Array.from({ length: 5 }, () => new StockEventSource(url));
  const opened = (holder: StockEventSource) => (holder.readyState === holder.OPEN ? true : undefined);
  for (const holder of holders)
    await eventually(WAIT_MS, "a stream that holds a place", () => opened(holder));
  const source = new StockEventSource(url);
  const seen: string[] = [];
  source.addEventListener("close", () => seen.push("close"));
  source.onmessage = ({ data }) => seen.push((JSON.parse(data) as { type: string }).type);
  try {
    await eventually(WAIT_MS, "the request to come back", () => (seen.includes("close") ? true : undefined));
    for (const holder of holders) holder.close();
    await eventually(WAIT_MS, "the stream", () => (seen.includes("subscribed") ? true : undefined));
  } finally {
    for (const one of [source, ...holders]) one.close();
  }
});

async function startCounting(): Promise<void> {
  const body = JSON.stringify({ type: "execute", id: "e1", handler: "count", channel: "chat:1", input: 20 });
  const answer = await fetch(`${proxy.url}/api/commands?client_id=starter`, { method: "POST", body });
  expect(answer.status).toBe(202);
}

describe("the EventSource of Chromium, on a page of another origin", { timeout: TEST_TIMEOUT_MS }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  async function open(query: string): Promise<Reader> {
    const tab = browser.context.pages()[0]!;
    await tab.goto(pageUrl);
    await tab.evaluate((url) => {
      const state = { seen: [] as string[], openCount: 0, source: new EventSource(url) };
      Object.assign(globalThis, { reader: state });
      state.source.onmessage = ({ data }) => {
        const message = JSON.parse(data as string) as { type: string; channel: string; data: string };
        if (message.type === "subscribed" && message.channel === "chat:1") state.openCount += 1;
        if (message.type === "message") state.seen.push(`${message.channel}|${message.data}`);
        if (message.type === "execution_completed") state.seen.push("completed|");
      };
    }, `${proxy.url}/events?${query}`);
    type State = { reader: { seen: string[]; openCount: number; source: { readyState: number } } };
    return {
      seen: () => tab.evaluate(() => (globalThis as unknown as State).reader.seen),
      openCount: () => tab.evaluate(() => (globalThis as unknown as State).reader.openCount),
      isClosed: () => tab.evaluate(() => (globalThis as unknown as State).reader.source.readyState === 2),
    };
  }

  test("SSE-5 HTC-10 sees every record once, however often its connection is cut", async () =>
    cutAndCompare(await open("channel=chat:1&channel=news&client_id=reader")));

  test("SSE-8 SSE-9 stops when the execution has ended", async () => {
    const reader = await open("channel=chat:1&until=end");
    await eventually(WAIT_MS, "the stream", async () => ((await reader.openCount()) > 0 ? true : undefined));
    await startCounting();
    await eventually(WAIT_MS, "the stop", async () => ((await reader.isClosed()) ? true : undefined));
    expect(await reader.seen()).toEqual(["completed|"]);
  });
});
