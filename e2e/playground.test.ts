/** The playground in a real browser, against the server that `tachikoma serve` starts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type ExecutionEnd } from "@tachikoma/client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildConsoleIfStale } from "../scripts/start/console-build.mjs";
import { type Browser, openBrowser } from "./support/browser.ts";
import { ChatPage } from "./support/chat-page.ts";
import { listeningUrl, ROOT, type RunningProcess, tachikoma } from "./support/running-process.ts";
import { within } from "./support/wait.ts";

const TEST_TIMEOUT_MS = 60_000;
const BUILD_TIMEOUT_MS = 120_000;
const API_KEY = "tk_a-key-for-the-browser-tests-only";

let folder: string;
let server: RunningProcess;
let url: string;
let browser: Browser;

beforeAll(async () => {
  buildConsoleIfStale(ROOT, () => {});
  folder = mkdtempSync(join(tmpdir(), "tachikoma-playground-"));
  browser = await openBrowser();
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  await browser?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** Other tests keep the machine busy: that must refuse nobody here. */
const PATIENT_LIMITS = {
  TACHIKOMA_LIMITS__MAX_EVENT_LOOP_DELAY_MS: "60000",
  TACHIKOMA_LIMITS__MAX_EVENT_LOOP_UTILIZATION: "1",
};

async function serve(env: Readonly<Record<string, string>> = {}): Promise<void> {
  server = tachikoma(["serve", "--port", "0", "--database", "memory://"], {
    cwd: folder,
    env: { ...PATIENT_LIMITS, ...env },
  });
  url = await listeningUrl(server);
}

afterEach(async () => {
  const pages = browser.context.pages();
  // The last page of a browser stays, or the browser would end.
  await Promise.all(pages.slice(1).map((page) => page.close()));
  await pages[0]!.goto("about:blank");
  await browser.context.clearCookies();
  await server.kill();
});

const numbersTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe("a conversation", { timeout: TEST_TIMEOUT_MS }, () => {
  let chat: ChatPage;

  beforeEach(async () => {
    await serve();
    chat = await ChatPage.open(browser.context.pages()[0]!, `${url}/`);
  });

  afterEach(() => {
    expect(browser.complaints).toEqual([]);
  });

  test("an answer streams in, and says that it is a demo", async () => {
    await chat.at("demo-badge").waitFor();
    await chat.ask("count to 90");
    await chat.reads("3, 4, 5");
    expect(await chat.at("user-message").textContent()).toBe("count to 90");
    await chat.answerIs("completed");
    expect(await chat.countedNumbers()).toEqual(numbersTo(90));
    expect(await chat.at("answer").count()).toBe(1);
    expect(await chat.at("stop").count()).toBe(0);
  });

  test("a socket that is cut in mid-answer costs nothing and repeats nothing", async () => {
    await chat.ask("count to 120");
    for (const text of ["3, 4, 5", "33, 34", "63, 64"]) {
      await chat.reads(text);
      await chat.at("cut-socket").click();
      await chat.page.getByTestId("events").getByText("session resumed").first().waitFor();
      await chat.linkIs("online");
    }
    await chat.answerIs("completed");
    expect(await chat.countedNumbers()).toEqual(numbersTo(120));
    expect(await chat.number("count-resumes")).toBe(3);
    expect(await chat.number("count-duplicates")).toBe(0);
    expect(await chat.number("count-resets")).toBe(0);
    expect(await chat.at("resumed").textContent()).toBe("yes");
  });

  test("what was written while the page was offline is there when it is back", async () => {
    await chat.ask("count to 100");
    await chat.reads("3, 4, 5");
    const sessionId = await chat.at("session-id").textContent();
    await chat.at("go-offline").click();
    await chat.linkIs("offline");
    // Somebody else sees the answer end meanwhile.
    await endOf(url, chat.channel, await chat.executionId());
    expect((await chat.countedNumbers()).length).toBeLessThan(100);
    await chat.at("go-offline").click();
    await chat.linkIs("online");
    await chat.answerIs("completed");
    expect(await chat.countedNumbers()).toEqual(numbersTo(100));
    expect(await chat.at("session-id").textContent()).toBe(sessionId);
    expect(await chat.number("count-duplicates")).toBe(0);
  });

  test("after a refresh the answer goes on, and Stop really stops it, in every tab", async () => {
    await chat.ask("count to 2000");
    await chat.reads("3, 4, 5");
    const executionId = await chat.executionId();
    const reloaded = chat.page.waitForEvent("load");
    await chat.at("refresh").click();
    await reloaded;
    await chat.linkIs("online");
    await chat.reads("21, 22, 23");
    expect(await chat.executionId()).toBe(executionId);
    const second = await openSecondTab(chat);
    await second.reads("21, 22, 23");
    await chat.at("stop").click();
    await Promise.all([chat.answerIs("cancelled"), second.answerIs("cancelled")]);
    expect(await endOf(url, chat.channel, executionId)).toMatchObject({
      outcome: "cancelled",
      reason: "requested",
    });
    const numbers = await chat.countedNumbers();
    expect(numbers).toEqual(numbersTo(numbers.length));
    expect(await second.answerText()).toBe(await chat.answerText());
    // The chat goes on after it.
    await second.ask("count to 5");
    await second.answerIs("completed");
    await chat.answerIs("completed");
  });

  test("a second tab follows the same answer live, and ends with the same text", async () => {
    await chat.ask("Tell me about yourself");
    await chat.reads("not a model");
    const second = await openSecondTab(chat);
    await second.answerIs("running");
    await chat.at("cut-socket").click();
    await Promise.all([chat.answerIs("completed"), second.answerIs("completed")]);
    const text = await chat.answerText();
    expect(text).toContain("攻殻機動隊");
    expect(await second.answerText()).toBe(text);
    expect(await second.at("user-message").allInnerTexts()).toEqual(["Tell me about yourself"]);
    expect(await second.executionId()).toBe(await chat.executionId());
  });

  test("the browser's own WebSocket resumes with nothing but the id of its session", async () => {
    const seen = await within(TEST_TIMEOUT_MS, "the plain resume", chat.page.evaluate(resumeByHand));
    expect(seen.resumed).toBe(true);
    expect(seen.restored).toContain("notes:plain");
    expect(seen.values).toEqual(["before", "while away 1", "while away 2", "after"]);
  });
});

describe("behind an API key", { timeout: TEST_TIMEOUT_MS }, () => {
  test("the key is asked for, a wrong one is refused, the right one opens the chat", async () => {
    await serve({ TACHIKOMA_SECURITY__API_KEY: API_KEY });
    const chat = new ChatPage(browser.context.pages()[0]!);
    await chat.page.goto(`${url}/`);
    await chat.at("key-form").waitFor();
    await chat.at("key-input").fill("wrong");
    await chat.at("key-submit").click();
    await chat.at("key-refused").waitFor();
    await chat.at("key-input").fill(API_KEY);
    await chat.at("key-submit").click();
    await chat.linkIs("online");
    await chat.ask("count to 20");
    await chat.answerIs("completed");
    expect(await chat.countedNumbers()).toEqual(numbersTo(20));
    await chat.page.reload();
    await chat.linkIs("online");
    await chat.answerIs("completed");
    expect(await chat.countedNumbers()).toEqual(numbersTo(20));
    expect(chat.page.url()).not.toContain(API_KEY);
    // A browser reports each refused request by itself; anything else would be ours.
    expect(browser.complaints.filter((text) => !text.includes("401 (Unauthorized)"))).toEqual([]);
  });
});

async function openSecondTab(chat: ChatPage): Promise<ChatPage> {
  const [page] = await Promise.all([chat.page.context().waitForEvent("page"), chat.at("second-tab").click()]);
  const second = new ChatPage(page);
  await second.linkIs("online");
  expect(second.channel).toBe(chat.channel);
  return second;
}

/** The terminal record of an execution, as the log has it. */
async function endOf(serverUrl: string, channel: string, executionId: string): Promise<ExecutionEnd> {
  const client = connect(`${serverUrl.replace("http", "ws")}/ws`);
  try {
    return await within(
      15_000,
      `the end of ${executionId}`,
      client.execution(executionId, { channel }).ended,
    );
  } finally {
    client.close();
  }
}

/** Runs in the page: no client of ours, only what a browser has. */
async function resumeByHand() {
  interface Message {
    readonly type: string;
    readonly session_id: string;
    readonly position: string;
    readonly resumed: boolean;
    readonly data: string;
    readonly subscriptions: readonly { readonly channel: string }[];
  }
  const seqOf = (position: string) => Number(position.split(".")[1]);
  const records = new Map<number, string>();

  function open(query: string) {
    const address = new URL(`ws${query}`, document.baseURI.replace("http", "ws"));
    address.hash = "";
    const socket = new WebSocket(address);
    const waiting: {
      readonly type: string;
      readonly data?: string;
      readonly resolve: (message: Message) => void;
    }[] = [];
    socket.onmessage = (event: MessageEvent<string>) => {
      const message = JSON.parse(event.data) as Message;
      if (message.type === "message") records.set(seqOf(message.position), message.data);
      for (const one of waiting) {
        if (one.type === message.type && (one.data === undefined || one.data === message.data))
          one.resolve(message);
      }
    };
    const next = (type: string, data?: string) =>
      new Promise<Message>((resolve) =>
        waiting.push({ type, resolve, ...(data === undefined ? {} : { data }) }),
      );
    const publish = async (data: string) => {
      const stored = next("receipt");
      socket.send(JSON.stringify({ type: "publish", id: crypto.randomUUID(), channel: "notes:plain", data }));
      await stored;
    };
    const closed = new Promise((resolve) => {
      socket.onclose = resolve;
    });
    return { socket, next, publish, closed, welcomed: next("welcome") };
  }

  const first = open("?client_id=plain");
  const { session_id } = await first.welcomed;
  const subscribed = first.next("subscribed");
  first.socket.send(JSON.stringify({ type: "subscribe", channel: "notes:plain" }));
  await subscribed;
  const before = first.next("message", "before");
  await first.publish("before");
  await before;
  first.socket.close();
  await first.closed;

  const other = open("?client_id=other");
  await other.welcomed;
  await other.publish("while away 1");
  await other.publish("while away 2");

  const again = open(`?session_id=${session_id}`);
  const away = again.next("message", "while away 2");
  const welcome = await again.welcomed;
  await away;
  const after = again.next("message", "after");
  await other.publish("after");
  await after;
  const values = [...records].sort(([a], [b]) => a - b).map(([, value]) => value);
  return { resumed: welcome.resumed, restored: welcome.subscriptions.map(({ channel }) => channel), values };
}
