/** `useChat` in a page whose server is killed: the stock transports, and our own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "@tachikoma/client";
import { tachikomaTransport } from "@tachikoma/client/ai-sdk";
import { DefaultChatTransport, type UIMessage, WebSocketChatTransport } from "ai";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ReactChatPage } from "./support/react-chat.ts";
import { RunningProcess } from "./support/running-process.ts";

const SCRIPT = fileURLToPath(new URL("support/server-process.ts", import.meta.url));
const TEST_TIMEOUT_MS = 60_000;
const LONG = { upTo: 40, pauseMs: 20 };
const numbers = (count: number) => Array.from({ length: count }, (_, number) => `${number} `).join("");
const WHOLE = numbers(LONG.upTo);

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

class KillableServer {
  readonly port = 31_000 + Math.floor(Math.random() * 1_000);
  readonly #databasePath: string;
  #process: RunningProcess | undefined;

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), "tachikoma-use-chat-"));
    this.#databasePath = join(folder, "tachikoma.db");
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    cleanups.push(() => this.kill());
  }

  async start(): Promise<void> {
    this.#process = new RunningProcess([
      "--conditions=source",
      SCRIPT,
      String(this.port),
      this.#databasePath,
    ]);
    await this.#process.matched(/listening on \d+/);
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }
}

async function runningServer(): Promise<KillableServer> {
  const server = new KillableServer();
  await server.start();
  return server;
}

/** Node's `fetch` says it in other words than browsers do when a connection is lost in the middle. */
const browserFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  if (response.body === null) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (cause) {
        controller.error(init?.signal?.aborted === true ? cause : new TypeError("network error"));
      }
    },
    cancel: () => reader.cancel(),
  });
  return new Response(body, { status: response.status, headers: response.headers });
};

function httpTransport(server: KillableServer, handler: string, body: object) {
  const api = `http://127.0.0.1:${server.port}/api/chat?handler=${handler}`;
  return new DefaultChatTransport<UIMessage>({ api, body, fetch: browserFetch });
}

function socketTransport(server: KillableServer, handler: string, body: object) {
  const url = `ws://127.0.0.1:${server.port}/ws/ai-sdk?handler=${handler}`;
  const transport = new WebSocketChatTransport<UIMessage>({ url, body, webSocket: WebSocket as never });
  cleanups.push(() => transport.close());
  return transport;
}

function ourTransport(server: KillableServer, handler: string, body: object) {
  const client = connect(`ws://127.0.0.1:${server.port}`, { ports: { WebSocket: WebSocket as never } });
  cleanups.push(() => client.close());
  return tachikomaTransport({ client, handler, body });
}

function pageWith(id: string, transport: ConstructorParameters<typeof ReactChatPage>[1]): ReactChatPage {
  const page = new ReactChatPage(id, transport);
  cleanups.push(() => page.leave());
  return page;
}

const STOCK = { http: httpTransport, websocket: socketTransport };

test.each(Object.entries(STOCK))(
  "%s: killed in mid-answer, its handler is run anew: taken up when the page comes to the front, whole and once",
  {
    timeout: TEST_TIMEOUT_MS,
  },
  async (kind, transportTo) => {
    const server = await runningServer();
    const page = pageWith(`restart-${kind}`, transportTo(server, "restarting", LONG));
    await page.mounted();
    page.send("count");
    await page.until("some numbers", ({ answer }) => answer.startsWith(numbers(5)));
    await server.kill();
    await page.until("the loss", ({ status }) => status === "error");
    await server.start();
    page.comeBack();
    const { answer, roles, error } = await page.until("the answer", (shown) => {
      return shown.status === "ready" && shown.answer.length >= WHOLE.length;
    });
    expect({ answer, roles, error }).toEqual({ answer: WHOLE, roles: ["user", "assistant"], error: "" });
  },
);

test.each(Object.entries(STOCK))(
  "%s: killed in mid-answer, its handler is not: an error, and not a short answer",
  {
    timeout: TEST_TIMEOUT_MS,
  },
  async (kind, transportTo) => {
    const server = await runningServer();
    const page = pageWith(`interrupt-${kind}`, transportTo(server, "count", LONG));
    await page.mounted();
    page.send("count");
    await page.until("some numbers", ({ answer }) => answer.startsWith(numbers(5)));
    await server.kill();
    await page.until("the loss", ({ status }) => status === "error");
    await server.start();
    page.comeBack();
    const { answer, roles } = await page.until("the error", ({ status, error }) => {
      return status === "error" && error === "The answer was interrupted: its server was lost";
    });
    expect(roles).toEqual(["user", "assistant"]);
    expect(WHOLE.startsWith(answer)).toBe(true);
  },
);

test("ours: killed in mid-answer, the page notices nothing but that the answer begins again", {
  timeout: TEST_TIMEOUT_MS,
}, async () => {
  const server = await runningServer();
  const page = pageWith("ours", ourTransport(server, "restarting", LONG));
  await page.mounted();
  page.send("count");
  await page.until("some numbers", ({ answer }) => answer.startsWith(numbers(5)));
  await server.kill();
  await server.start();
  const shown = await page.until("the answer", ({ status }) => status === "ready" || status === "error");
  expect(shown).toEqual({ status: "ready", error: "", roles: ["user", "assistant"], answer: WHOLE });
});

test("ours: a second page takes the answer up in one go, mounted twice and with few renders", {
  timeout: TEST_TIMEOUT_MS,
}, async () => {
  const server = await runningServer();
  const body = { upTo: 400, pauseMs: 1 };
  const first = pageWith("batch", ourTransport(server, "count", body));
  await first.mounted();
  first.send("count");
  await first.until("many numbers", ({ answer }) => answer.startsWith(numbers(200)));
  const second = pageWith("batch", ourTransport(server, "count", body));
  const { answer } = await second.until("the answer", (shown) => shown.answer.startsWith(numbers(100)));
  expect(answer.startsWith(numbers(100))).toBe(true);
  expect(second.renderCount).toBeLessThan(60);
  await second.until("the end", (shown) => shown.status === "ready" && shown.answer === numbers(400));
  expect(second.shown.roles).toEqual(["assistant"]);
});
