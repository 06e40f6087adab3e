/** The hooks for React over a real server: one subscription however often they are mounted, and none when they are gone. */
import "./support/page-globals.ts";
import { connect, type TachikomaClient } from "@tachikoma/client";
import {
  TachikomaProvider,
  useChannel,
  useConnection,
  useExecution,
  usePresence,
} from "@tachikoma/client/react";
import type { ServerOptions } from "@tachikoma/server";
import { cleanup, render } from "@testing-library/react";
import { createElement, StrictMode } from "react";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { startTestServer, type TestServer } from "../packages/server/src/testing/test-server.ts";
import { eventually } from "./support/wait.ts";

const STEP_TIMEOUT_MS = 10_000;
const REPLAYED_COUNT = 10_000;
const PUBLISHED_AT_ONCE = 500;

type Handlers = NonNullable<ServerOptions["executions"]>;

function clientOf(server: TestServer, clientId: string): TachikomaClient {
  const client = connect(server.webSocketUrl(), { clientId, ports: { WebSocket: WebSocket as never } });
  onTestFinished(() => client.close());
  return client;
}

/** A component in StrictMode that shows what a hook gives. */
function mounted<Shown>(client: TachikomaClient, useShown: () => Shown) {
  const seen: { shown?: Shown; renderCount: number } = { renderCount: 0 };
  const Show = () => {
    seen.shown = useShown();
    seen.renderCount += 1;
    return null;
  };
  const provided = createElement(TachikomaProvider, { client }, createElement(Show));
  const { unmount } = render(createElement(StrictMode, {}, provided));
  onTestFinished(cleanup);
  return {
    unmount,
    get shown(): Shown {
      return seen.shown as Shown;
    },
    get renderCount(): number {
      return seen.renderCount;
    },
    until: (what: string, isShown: (shown: Shown) => boolean): Promise<Shown> =>
      eventually(
        STEP_TIMEOUT_MS,
        what,
        () => (isShown(seen.shown as Shown) ? seen.shown : undefined),
        () => JSON.stringify(seen.shown).slice(0, 1_000),
      ),
  };
}

/** What the clients of the server follow. */
function channelsOf({ server }: TestServer): string[] {
  const followed = server.connections.list().flatMap(({ channels }) => channels);
  // Each session's own inboxes.
  return followed.filter((name) => !name.startsWith("~"));
}

async function untilNothingIsFollowed(server: TestServer): Promise<void> {
  const isEmpty = () => (channelsOf(server).length === 0 ? true : undefined);
  await eventually(STEP_TIMEOUT_MS, "the last to leave", isEmpty, () => channelsOf(server).join());
}

const numbers = (count: number) => Array.from({ length: count }, (_, number) => `${number} `).join("");

test("StrictMode makes one subscription on the server, and unmounting leaves none", async () => {
  const server = await startTestServer();
  const client = clientOf(server, "a");
  const useAll = () =>
    [useChannel("room:1", { since: "start" }), useChannel("room:1"), useConnection()] as const;
  const page = mounted(client, useAll);
  await page.until("online", ([first, second, { state }]) => {
    return first.state === "joined" && second.state === "joined" && state === "online";
  });
  expect(channelsOf(server)).toEqual(["room:1"]);
  await page.shown[0].publish("hello");
  await page.until(
    "the message",
    (shown) => shown[0].messages.length === 1 && shown[1].messages.length === 1,
  );
  page.unmount();
  await untilNothingIsFollowed(server);
});

test("a replay of 10,000 records costs a render per frame, and not one per record", async () => {
  const server = await startTestServer();
  for (let first = 0; first < REPLAYED_COUNT; first += PUBLISHED_AT_ONCE) {
    const batch = Array.from({ length: PUBLISHED_AT_ONCE }, (_, index) => first + index);
    await Promise.all(batch.map((number) => server.server.publish("room:1", { number })));
  }
  const startedMs = performance.now();
  const page = mounted(clientOf(server, "a"), () => {
    return useChannel("room:1", { since: "start", maxEntries: REPLAYED_COUNT });
  });
  const { messages } = await page.until("all of it", (shown) => shown.messages.length === REPLAYED_COUNT);
  expect(messages.map(({ data }) => (data as { number: number }).number)).toEqual(
    Array.from({ length: REPLAYED_COUNT }, (_, number) => number),
  );
  // StrictMode renders twice, and a frame is 16 ms; a few more for the mounting.
  const frameCount = (performance.now() - startedMs) / 16;
  expect(page.renderCount).toBeLessThan(2 * frameCount + 10);
  expect(page.renderCount).toBeLessThan(REPLAYED_COUNT / 20);
});

test("a cut connection is shown, and everything goes on: once", async () => {
  const server = await startTestServer();
  const client = clientOf(server, "a");
  const states: string[] = [];
  const page = mounted(client, () => {
    const { state } = useConnection();
    if (states.at(-1) !== state) states.push(state);
    return useChannel("room:1", { since: "start" });
  });
  await page.until("joined", ({ state }) => state === "joined");
  await server.server.publish("room:1", 1);
  await page.until("the first", ({ messages }) => messages.length === 1);
  client.dropConnection();
  await server.server.publish("room:1", 2);
  const { messages } = await page.until("the second", (shown) => shown.messages.length === 2);
  expect(messages.map(({ data }) => data)).toEqual([1, 2]);
  expect(states).toContain("waiting");
  expect(states.at(-1)).toBe("online");
});

test("an answer is started, seen by its id in a second tab, and cancelled there", async () => {
  const answering: Handlers = {
    async *chat({ inputs, signal }) {
      yield numbers(5);
      for await (const data of inputs) {
        if (signal.aborted) return;
        yield `(${JSON.stringify(data)})`;
      }
    },
  };
  const server = await startTestServer({ executions: answering });
  const first = mounted(clientOf(server, "a"), () => useExecution(undefined, { channel: "chat:1" }));
  const executionId = await first.shown.start("chat", {}).id;
  await first.until("the beginning", ({ text }) => text === numbers(5));
  const second = mounted(clientOf(server, "b"), () => useExecution(executionId, { channel: "chat:1" }));
  await second.until("the beginning, too", ({ text, status }) => text === numbers(5) && status === "running");
  expect(await second.shown.input("faster")).toMatchObject({ status: "applied" });
  await first.until("the answer to the input", ({ text }) => text.endsWith('("faster")'));
  expect(await second.shown.cancel()).toEqual({ status: "applied" });
  for (const page of [first, second]) {
    const { end } = await page.until("the end", ({ status }) => status === "cancelled");
    expect(end).toMatchObject({ outcome: "cancelled", reason: "requested" });
  }
  first.unmount();
  second.unmount();
  await untilNothingIsFollowed(server);
});

test("an answer goes on when its component is gone, and is whole when it comes back", async () => {
  const { promise: isGone, resolve: go } = Promise.withResolvers<void>();
  const answering: Handlers = {
    async *chat() {
      yield "before ";
      await isGone;
      yield "after";
    },
  };
  const server = await startTestServer({ executions: answering });
  const client = clientOf(server, "a");
  const first = mounted(client, () => useExecution(undefined, { channel: "chat:1" }));
  const id = await first.shown.start("chat", {}).id;
  await first.until("the beginning", ({ text }) => text === "before ");
  first.unmount();
  await untilNothingIsFollowed(server);
  go();
  const again = mounted(client, () => useExecution(id, { channel: "chat:1" }));
  const { text } = await again.until("the end", ({ status }) => status === "completed");
  expect(text).toBe("before after");
});

test("what is refused is shown as an error, and as nothing else", async () => {
  const channels: ServerOptions["channels"] = { secret: { canSubscribe: () => false } };
  const server = await startTestServer({ channels, executions: { async *chat() {} } });
  const page = mounted(clientOf(server, "a"), () => {
    return [
      useChannel("secret:1"),
      useExecution(),
      useExecution("nowhere", { channel: "secret:1" }),
    ] as const;
  });
  page.shown[1].start("nothing", {});
  const [channel, started, attached] = await page.until("the errors", (shown) => {
    return shown.every(({ error }) => error !== undefined);
  });
  expect(channel).toMatchObject({ state: "closed", error: { code: "FORBIDDEN" } });
  expect(started).toMatchObject({ status: "unknown", error: { code: "UNKNOWN_HANDLER" } });
  expect(attached).toMatchObject({ status: "unknown", error: { code: "FORBIDDEN" } });
});

test("presence: who comes, what they say, and who leaves", async () => {
  const server = await startTestServer({ channels: { room: { presence: true } } });
  let isTyping = false;
  const ann = mounted(clientOf(server, "ann"), () => usePresence("room:1", { isTyping }));
  const bob = mounted(clientOf(server, "bob"), () => usePresence("room:1", { isTyping: true }));
  const watching = mounted(clientOf(server, "watching"), () => usePresence("room:1"));
  const idsOf = ({ members }: ReturnType<typeof usePresence>) =>
    members.map(({ clientId }) => clientId).sort();
  for (const page of [ann, bob, watching]) {
    await page.until("both", (shown) => idsOf(shown).join() === "ann,bob");
  }
  isTyping = true;
  bob.unmount();
  const { members } = await watching.until("one", (shown) => idsOf(shown).join() === "ann");
  expect(members[0]?.state).toEqual({ isTyping: false });
});
