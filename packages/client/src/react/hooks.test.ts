// @vitest-environment jsdom
import { act, render } from "@testing-library/react";
import { Activity, createElement } from "react";
import { renderToString } from "react-dom/server";
import { describe, expect, test } from "vitest";
import { at, delta, message, settle, welcome } from "../testing/client-fixture.ts";
import type { WireMessage } from "../testing/fake-network.ts";
import { viewsOf } from "./shared-views.ts";
import { TachikomaProvider, useTachikoma } from "./tachikoma-provider.ts";
import { hookPage } from "./testing/hook-page.ts";
import { type UsedChannel, useChannel } from "./use-channel.ts";
import { useConnection } from "./use-connection.ts";
import { type UsedExecution, useExecution } from "./use-execution.ts";
import { usePresence } from "./use-presence.ts";

function record(type: string, channel: string, seq: number, fields: object = {}): WireMessage {
  return { type, channel, position: at(seq), execution_id: "e1", ...fields };
}

const dataOf = ({ messages }: UsedChannel) => messages.map(({ data }) => data);

describe("useConnection", () => {
  test("tells each state, with the same object for the same state", async () => {
    const page = hookPage();
    const view = page.show(() => useConnection());
    expect(view.shown).toEqual({ state: "online" });
    const before = view.shown;
    await page.frame();
    expect(view.shown).toBe(before);
    await act(async () => page.socket.end(1006));
    expect(view.shown).toMatchObject({ state: "waiting", attempt: 2 });
    await act(async () => page.clock.advance(30_000));
    expect(view.shown).toMatchObject({ state: "connecting" });
    await act(async () => page.socket.receive(welcome({ resumed: true })));
    expect(view.shown).toEqual({ state: "online" });
    await act(async () => page.client.close());
    expect(view.shown).toMatchObject({ state: "closed" });
  });

  test("needs a provider, and waits where that has no client yet", () => {
    const Outside = () => createElement("p", {}, String(useTachikoma()));
    expect(() => render(createElement(Outside))).toThrow("no TachikomaProvider");
    const seen: unknown[] = [];
    const Inside = () => {
      seen.push(
        useConnection().state,
        useChannel("room:1").state,
        useExecution("e1").status,
        usePresence("a"),
      );
      return null;
    };
    render(createElement(TachikomaProvider, { client: undefined }, createElement(Inside)));
    const waiting = ["connecting", "joining", "running", { members: [] }];
    expect(seen).toEqual(waiting);
    seen.length = 0;
    // As on a server, where nothing is mounted.
    expect(
      renderToString(createElement(TachikomaProvider, { client: undefined }, createElement(Inside))),
    ).toBe("");
    expect(seen).toEqual(waiting);
  });
});

describe("useChannel", () => {
  test("mounted twice by StrictMode it subscribes once, and leaves when it is unmounted", async () => {
    const page = hookPage();
    const view = page.show(() => useChannel("room:1", { since: "start" }));
    expect(view.shown.state).toBe("joining");
    page.confirm(0);
    page.socket.receive(message("room:1", 1));
    await page.frame();
    expect(view.shown).toMatchObject({ state: "joined", position: at(1) });
    expect(dataOf(view.shown)).toEqual(["m1"]);
    await page.afterGrace();
    expect(page.socket.sent.map(({ type }) => type)).toEqual(["subscribe"]);
    view.unmount();
    expect(page.socket.sentOf("unsubscribe")).toEqual([]);
    await page.afterGrace();
    expect(page.socket.sent.map(({ type }) => type)).toEqual(["subscribe", "unsubscribe"]);
    expect(viewsOf(page.client).size).toBe(0);
  });

  test("a replay of 10,000 records is shown in one go", async () => {
    const page = hookPage();
    const view = page.show(() => useChannel("room:1", { since: "start", maxEntries: 20_000 }));
    page.confirm(0);
    await page.frame();
    const before = view.renderCount;
    for (let seq = 1; seq <= 10_000; seq += 1) {
      page.socket.receive(seq % 2 === 0 ? message("room:1", seq) : delta("room:1", seq, "."));
      // As on a real socket, where each message is a turn of its own.
      if (seq % 100 === 0) await settle();
    }
    expect(view.renderCount).toBe(before);
    await page.frame();
    expect(view.shown.entries).toHaveLength(5_001);
    expect(view.shown.entries[0]).toMatchObject({ type: "execution", text: ".".repeat(5_000) });
    expect(view.renderCount - before).toBe(2);
  });

  test("keeps what has not changed as the same objects, and no more entries than asked for", async () => {
    const page = hookPage();
    const view = page.show(() => useChannel("room:1", { since: "start", maxEntries: 3 }));
    page.confirm(0);
    for (let seq = 1; seq <= 5; seq += 1) page.socket.receive(message("room:1", seq));
    await page.frame();
    expect(dataOf(view.shown)).toEqual(["m3", "m4", "m5"]);
    const [, fourth, fifth] = view.shown.entries;
    page.socket.receive(message("room:1", 6));
    await page.frame();
    expect(view.shown.entries[0]).toBe(fourth);
    expect(view.shown.entries[1]).toBe(fifth);
  });

  test("two components share one subscription, which stays for the one that stays", async () => {
    const page = hookPage();
    const first = page.show(() => useChannel("room:1", { since: "start" }));
    page.confirm(0);
    page.socket.receive(message("room:1", 1));
    await page.frame();
    const second = page.show(() => useChannel("room:1", { since: "start" }));
    expect(dataOf(second.shown)).toEqual(["m1"]);
    expect(second.shown.entries).toBe(first.shown.entries);
    first.unmount();
    await page.afterGrace();
    page.socket.receive(message("room:1", 2));
    await page.frame();
    expect(dataOf(second.shown)).toEqual(["m1", "m2"]);
    expect(page.socket.sent.map(({ type }) => type)).toEqual(["subscribe"]);
  });

  test("another channel shows nothing of the one before", async () => {
    const page = hookPage();
    const view = page.show((name: string | undefined) => useChannel(name, { since: "start" }), "room:1");
    page.confirm(0);
    page.socket.receive(message("room:1", 1));
    await page.frame();
    view.with("room:2");
    expect(view.shown).toMatchObject({ state: "joining", entries: [] });
    await page.afterGrace();
    expect(page.socket.sent.map(({ type, channel }) => [type, channel])).toEqual([
      ["subscribe", "room:1"],
      ["subscribe", "room:2"],
      ["unsubscribe", "room:1"],
    ]);
    view.with(undefined);
    expect(view.shown.state).toBe("idle");
    await expect(view.shown.publish("x")).rejects.toThrow("no channel");
  });

  test("goes on after a lost connection, and starts again after a reset", async () => {
    const page = hookPage();
    const view = page.show(() => useChannel("room:1", { since: "start" }));
    page.confirm(0);
    page.socket.receive(message("room:1", 1));
    page.socket.end(1006);
    page.clock.advance(30_000);
    page.socket.receive(welcome({ resumed: true }));
    expect(page.confirm(1)).toMatchObject({ position: at(1) });
    page.socket.receive(message("room:1", 2));
    await page.frame();
    expect(dataOf(view.shown)).toEqual(["m1", "m2"]);
    page.socket.receive({
      type: "reset",
      channel: "room:1",
      position: at(0, "new"),
      reason: "epoch_changed",
    });
    await page.frame();
    expect(view.shown).toMatchObject({ state: "joined", entries: [], reset: "epoch_changed" });
  });

  test("a channel that is refused is closed with the reason", async () => {
    const page = hookPage();
    const view = page.show(() => useChannel("secret:1"));
    const ref = page.socket.sentOf("subscribe")[0]!["id"];
    page.socket.receive({ type: "error", ref, code: "FORBIDDEN", message: "Not allowed" });
    await page.frame();
    expect(view.shown).toMatchObject({ state: "closed", error: { code: "FORBIDDEN" } });
    const reserved = page.show(() => useChannel("~client:1"));
    await page.frame();
    expect(reserved.shown).toMatchObject({ state: "closed", error: { code: "INVALID_CHANNEL" } });
  });

  test("executions are entries at their place; one that runs anew starts over", async () => {
    const page = hookPage();
    const view = page.show(() => useChannel("chat:1", { since: "start" }));
    page.confirm(0);
    page.socket.receive(record("execution_started", "chat:1", 1, { handler: "chat", sender: "ann" }));
    page.socket.receive(delta("chat:1", 2, "Hel"));
    page.socket.receive(message("chat:1", 3));
    await page.frame();
    expect(view.shown.entries).toMatchObject([
      { type: "execution", handler: "chat", sender: "ann", status: "running", text: "Hel", isWhole: true },
      { type: "message", data: "m3" },
    ]);
    page.socket.receive(record("execution_restarted", "chat:1", 4, { attempt: 2 }));
    page.socket.receive(delta("chat:1", 5, "Bye"));
    page.socket.receive(record("execution_completed", "chat:1", 6, { usage: { output_tokens: 1 } }));
    await page.frame();
    expect(view.shown.entries[0]).toMatchObject({
      status: "completed",
      text: "Bye",
      end: { usage: { outputTokens: 1 } },
    });
  });

  test("publishes, and executes without a reader of its own", async () => {
    const page = hookPage();
    const view = page.show(() => useChannel("chat:1", { since: "start" }));
    page.confirm(0);
    const published = view.shown.publish({ text: "hi" });
    const { id } = page.socket.sentOf("publish")[0]!;
    page.socket.receive({ type: "receipt", ref: id, status: "applied", position: at(1) });
    expect(await published).toEqual({ position: at(1) });
    const executing = view.shown.execute("chat", {});
    await settle();
    const ref = page.socket.sentOf("execute")[0]!["id"];
    page.socket.receive({ type: "receipt", ref, status: "accepted", execution_id: "e9", channel: "chat:1" });
    expect(await executing).toBe("e9");
    expect(page.socket.sentOf("unsubscribe")).toEqual([]);
  });
});

describe("useExecution", () => {
  test("attached by its id: text, end and usage; unmounting leaves its channel", async () => {
    const page = hookPage();
    const view = page.show(() => useExecution("e1"));
    expect(view.shown).toMatchObject({ status: "running", executionId: "e1", text: "" });
    const asked = page.confirm(0);
    expect(asked).toMatchObject({ channel: "execution:e1", since: "start" });
    page.socket.receive(record("execution_started", "execution:e1", 1, { handler: "chat" }));
    page.socket.receive(delta("execution:e1", 2, "Hello"));
    await page.frame();
    expect(view.shown).toMatchObject({ status: "running", text: "Hello" });
    view.unmount();
    await page.afterGrace();
    expect(page.socket.sent.map(({ type }) => type)).toEqual(["subscribe", "unsubscribe"]);
    expect(viewsOf(page.client).size).toBe(0);
    const again = page.show(() => useExecution("e1"));
    page.confirm(0);
    page.socket.receive(record("execution_started", "execution:e1", 1, { handler: "chat" }));
    page.socket.receive(delta("execution:e1", 2, "Hello"));
    page.socket.receive(record("execution_completed", "execution:e1", 3, { usage: { output_tokens: 2 } }));
    await page.frame();
    expect(again.shown).toMatchObject({
      status: "completed",
      text: "Hello",
      usage: { outputTokens: 2 },
      end: { outcome: "completed" },
    });
  });

  test("cancel and input go to what is shown, and to nothing where there is nothing", async () => {
    const page = hookPage();
    const idle = page.show(() => useExecution());
    expect(idle.shown.status).toBe("idle");
    expect(await idle.shown.cancel()).toBeUndefined();
    expect(await idle.shown.input("x")).toBeUndefined();
    const view = page.show(() => useExecution("e1"));
    const cancelling = view.shown.cancel();
    const answering = view.shown.input({ approved: true });
    await settle();
    const asked = page.socket.sentOf("cancel")[0]!;
    expect(asked).toMatchObject({ execution_id: "e1" });
    const answer = page.socket.sentOf("input")[0]!;
    expect(answer).toMatchObject({ execution_id: "e1", data: { approved: true } });
    page.socket.receive({ type: "receipt", ref: asked["id"], status: "applied" });
    page.socket.receive({ type: "receipt", ref: answer["id"], status: "superseded" });
    expect(await cancelling).toEqual({ status: "applied" });
    expect(await answering).toEqual({ status: "superseded" });
  });

  test("starts one, shows it, and is not put off when its id becomes what is asked for", async () => {
    const page = hookPage();
    const view = page.show((id: string | undefined) => useExecution(id), undefined);
    await act(async () => void view.shown.start("chat", { question: 1 }));
    expect(view.shown.status).toBe("starting");
    const ref = page.socket.sentOf("execute")[0]!["id"];
    const receipt = { status: "accepted", execution_id: "e1", channel: "execution:e1", position: at(0) };
    page.socket.receive({ type: "receipt", ref, ...receipt });
    page.socket.receive(record("execution_started", "execution:e1", 1, { handler: "chat" }));
    page.socket.receive(delta("execution:e1", 2, "Hel"));
    await page.frame();
    expect(view.shown).toMatchObject({ status: "running", executionId: "e1", text: "Hel" });
    view.with("e1");
    expect(view.shown.text).toBe("Hel");
    await page.afterGrace();
    expect(page.socket.sent.map(({ type }) => type)).toEqual(["execute"]);
    view.unmount();
    await page.afterGrace();
    expect(page.socket.sent.map(({ type }) => type)).toEqual(["execute", "unsubscribe"]);
  });

  test("hidden and shown again by React, one that was started is taken up by its id", async () => {
    const page = hookPage();
    let shown!: UsedExecution;
    const Show = () => {
      shown = useExecution(undefined, { channel: "chat:1" });
      return null;
    };
    const as = (mode: "visible" | "hidden") => {
      const props = { mode, children: createElement(Show) };
      const activity = createElement(Activity, props);
      return createElement(TachikomaProvider, { client: page.client }, activity);
    };
    const { rerender } = render(as("visible"));
    await act(async () => void shown.start("chat", {}));
    page.confirm(0);
    const ref = page.socket.sentOf("execute")[0]!["id"];
    page.socket.receive({ type: "receipt", ref, status: "accepted", execution_id: "e1", channel: "chat:1" });
    page.socket.receive(record("execution_started", "chat:1", 1, { handler: "chat" }));
    await page.frame();
    rerender(as("hidden"));
    await page.afterGrace();
    expect(page.socket.sentOf("unsubscribe")).toHaveLength(1);
    rerender(as("visible"));
    expect(page.confirm(0)).toMatchObject({ channel: "chat:1", since: "start" });
    page.socket.receive(record("execution_started", "chat:1", 1, { handler: "chat" }));
    page.socket.receive(delta("chat:1", 2, "Hello"));
    await page.frame();
    expect(shown).toMatchObject({ status: "running", executionId: "e1", text: "Hello" });
  });

  test("one that was started when the component was gone already is not followed", async () => {
    const page = hookPage();
    const view = page.show(() => useExecution(undefined, { channel: "chat:1" }));
    const { start } = view.shown;
    view.unmount();
    start("chat", {});
    page.confirm(0);
    await page.afterGrace();
    expect(page.socket.sent.map(({ type }) => type)).toEqual(["subscribe", "execute", "unsubscribe"]);
    expect(viewsOf(page.client).size).toBe(0);
  });

  test("one that is refused is unknown, with the reason; so is any of a closed client", async () => {
    const page = hookPage();
    const view = page.show((id: string | undefined) => useExecution(id), undefined);
    await act(async () => void view.shown.start("nothing", {}));
    const ref = page.socket.sentOf("execute")[0]!["id"];
    const error = { code: "UNKNOWN_HANDLER", message: 'There is no handler "nothing"' };
    page.socket.receive({ type: "receipt", ref, status: "rejected", error });
    await page.frame();
    expect(view.shown).toMatchObject({ status: "unknown", error: { code: "UNKNOWN_HANDLER" } });
    page.client.close();
    view.with("e1");
    await page.frame();
    expect(view.shown).toMatchObject({ status: "unknown", error: { code: "CONNECTION_CLOSED" } });
  });

  test("one that the application has started is shown and left as it is", async () => {
    const page = hookPage();
    const run = page.client.execute("chat", {});
    const view = page.show(() => useExecution(run));
    const ref = page.socket.sentOf("execute")[0]!["id"];
    const receipt = { status: "accepted", execution_id: "e1", channel: "execution:e1", position: at(0) };
    page.socket.receive({ type: "receipt", ref, ...receipt });
    page.socket.receive(record("execution_started", "execution:e1", 1, { handler: "chat" }));
    page.socket.receive(delta("execution:e1", 2, "Hel"));
    await page.frame();
    expect(view.shown).toMatchObject({ executionId: "e1", text: "Hel" });
    view.unmount();
    await page.afterGrace();
    page.socket.receive(delta("execution:e1", 3, "lo"));
    page.socket.receive(record("execution_completed", "execution:e1", 4));
    expect(await run.text).toBe("Hello");
  });
});

describe("usePresence", () => {
  const presence = (event: string, ...ids: string[]): WireMessage => ({
    type: "presence",
    channel: "room:1",
    event,
    members: ids.map((client_id) => ({ client_id, state: { name: client_id } })),
  });

  test("says its state once, and again when it changes; lists who is there", async () => {
    const page = hookPage();
    const view = page.show((name: string) => usePresence("room:1", { name }), "me");
    page.confirm(0);
    page.socket.receive(presence("members", "ann", "device"));
    page.socket.receive(presence("join", "bob"));
    page.socket.receive(presence("leave", "ann"));
    await page.frame();
    expect(view.shown.members.map(({ clientId }) => clientId)).toEqual(["device", "bob"]);
    expect(page.socket.sentOf("presence")).toMatchObject([{ channel: "room:1", state: { name: "me" } }]);
    view.with("me");
    expect(page.socket.sentOf("presence")).toHaveLength(1);
    view.with("you");
    expect(page.socket.sentOf("presence").at(-1)).toMatchObject({ state: { name: "you" } });
    view.unmount();
    await page.afterGrace();
    expect(page.socket.sentOf("subscribe")).toHaveLength(1);
    expect(page.socket.sentOf("unsubscribe")).toHaveLength(1);
  });

  test("beside useChannel it needs no second place on the wire", async () => {
    const page = hookPage();
    const view = page.show(() => [useChannel("room:1"), usePresence("room:1")] as const);
    page.confirm(3);
    page.socket.receive(presence("members", "ann"));
    for (let seq = 4; seq < 600; seq += 1) page.socket.receive(message("room:1", seq));
    await page.frame();
    const [channel, { members }] = view.shown;
    expect(channel.messages).toHaveLength(596);
    expect(members).toHaveLength(1);
    expect(page.socket.sent.map(({ type }) => type)).toEqual(["subscribe"]);
  });
});
