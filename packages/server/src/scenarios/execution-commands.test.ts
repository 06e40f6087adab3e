/** Stopping, steering and repeating: what a command does, over which connection it comes, and how often. */
import { describe, expect, test } from "vitest";
import type { Handler } from "../executions/handler.ts";
import { until } from "../gateway/websocket/testing/deadline.ts";
import type { PlainClient, WireMessage } from "../testing/plain-client.ts";
import { gate } from "./support/handlers.ts";
import { Scenario, STORE_KINDS } from "./support/scenario.ts";

/** Says one word, then ends when it is told to. */
const endless: Handler = async function* ({ signal, usage }) {
  usage({ outputTokens: 1 });
  yield "begun";
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
};

/** Never looks at its signal. */
const deaf: Handler = async function* () {
  yield "begun";
  await new Promise(() => undefined);
  yield "never";
};

const echo: Handler = async function* ({ inputs }) {
  yield "ready ";
  for await (const item of inputs) {
    if (item === "done") return;
    yield `${String(item)} `;
  }
};

const executions = { endless, deaf, echo };

async function execute(
  client: PlainClient,
  handler: string,
  fields: object = { channel: "room:1" },
): Promise<string> {
  const id = `execute-${handler}`;
  const receipt = await client.ask({ type: "execute", id, handler, input: 0, ...fields });
  expect(receipt).toMatchObject({ status: "accepted" });
  return receipt.execution_id!;
}

function isFinal({ status }: WireMessage): boolean {
  return status !== "accepted";
}

const finalReceipt = (client: PlainClient, ref: string) =>
  client.next("receipt", (message) => message.ref === ref && isFinal(message));

describe.each(STORE_KINDS)("on %s", (kind) => {
  test("cancel from another connection: accepted, then applied, and one cancelled record with usage", async () => {
    const scenario = await Scenario.start(kind, { executions });
    const owner = await scenario.server.welcomed("/ws?client_id=owner");
    const other = await scenario.server.welcomed("/ws?client_id=other");
    const id = await execute(owner, "endless");
    const accepted = await other.ask({ type: "cancel", id: "stop", execution_id: id });
    expect(accepted).toMatchObject({ status: "accepted", execution_id: id });
    const end = await owner.next("execution_cancelled");
    expect(end).toMatchObject({ reason: "requested", sender: "other", usage: { output_tokens: 1 } });
    expect(await finalReceipt(other, "stop")).toMatchObject({ status: "applied" });
    const types = await scenario.recordTypesOf("room:1", id);
    expect(types.at(-1)).toBe("execution_cancelled");
  });

  test("a handler that ignores its signal is ended all the same", async () => {
    const scenario = await Scenario.start(kind, { executions });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const id = await execute(client, "deaf");
    client.send({ type: "cancel", id: "stop", execution_id: id });
    await client.next("execution_cancelled");
    expect(await finalReceipt(client, "stop")).toMatchObject({ status: "applied" });
  });

  test("two who cancel at once: one end, and each learns that it is over", async () => {
    const scenario = await Scenario.start(kind, { executions });
    const a = await scenario.server.welcomed("/ws?client_id=a");
    const b = await scenario.server.welcomed("/ws?client_id=b");
    const id = await execute(a, "endless");
    a.send({ type: "cancel", id: "stop", execution_id: id });
    b.send({ type: "cancel", id: "stop", execution_id: id });
    const receipts = [await finalReceipt(a, "stop"), await finalReceipt(b, "stop")];
    expect(receipts.map(({ status }) => status)).toContain("applied");
    for (const { status, error } of receipts) {
      // The later of the two may come when the execution is gone already.
      if (status !== "applied") expect(error!.code).toMatch(/EXECUTION_ENDED|UNKNOWN_EXECUTION/);
    }
    const types = await scenario.recordTypesOf("room:1", id);
    expect(types.filter((type) => type === "execution_cancelled")).toHaveLength(1);
  });

  test("the same cancel again, over another connection, has the same outcome", async () => {
    const scenario = await Scenario.start(kind, { executions });
    const first = await scenario.server.welcomed("/ws?client_id=a");
    const id = await execute(first, "endless");
    first.send({ type: "cancel", id: "stop", execution_id: id });
    await finalReceipt(first, "stop");
    await first.drop();
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    const again = await second.ask({ type: "cancel", id: "stop", execution_id: id });
    expect(again).toMatchObject({ status: "applied", execution_id: id });
    const late = await second.ask({ type: "cancel", id: "stop again", execution_id: id });
    expect(late).toMatchObject({ status: "rejected" });
    expect(["EXECUTION_ENDED", "UNKNOWN_EXECUTION"]).toContain(late.error!.code);
    const unknown = await second.ask({ type: "cancel", id: "stop nothing", execution_id: "none" });
    expect(unknown).toMatchObject({ status: "rejected", error: { code: "UNKNOWN_EXECUTION" } });
  });

  test("the same execute again, at once and over another connection, is one execution and one run", async () => {
    let runCount = 0;
    const go = gate();
    const scenario = await Scenario.start(kind, {
      executions: {
        async *once() {
          runCount += 1;
          yield "begun";
          await go.passed;
        },
      },
    });
    const request = { type: "execute", id: "e", handler: "once", channel: "room:1", input: 0 };
    const first = await scenario.server.welcomed("/ws?client_id=a");
    first.send(request);
    first.send(request);
    const receipts = [await first.next("receipt"), await first.next("receipt")];
    await first.drop();
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    receipts.push(await second.ask(request));
    go.open();
    await second.next("execution_completed");
    receipts.push(await second.ask(request));
    await scenario.restart();
    const third = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    receipts.push(await third.ask(request));
    expect(receipts.map(({ status }) => status)).toEqual(Array(5).fill("accepted"));
    expect(new Set(receipts.map(({ execution_id }) => execution_id)).size).toBe(1);
    expect(runCount).toBe(1);
    const records = await scenario.records("room:1");
    expect(records.filter(({ type }) => type === "execution_started")).toHaveLength(1);
  });

  test("inputs are applied in order when taken; those after the end are rejected", async () => {
    const scenario = await Scenario.start(kind, { executions });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const id = await execute(client, "echo");
    for (const data of ["one", "two", "three"]) {
      client.send({ type: "input", id: data, execution_id: id, data });
      expect(await finalReceipt(client, data)).toMatchObject({ status: "applied", execution_id: id });
    }
    client.send({ type: "input", id: "done", execution_id: id, data: "done" });
    await client.next("execution_completed");
    const late = await client.ask({ type: "input", id: "late", execution_id: id, data: "late" });
    expect(late).toMatchObject({ status: "rejected" });
    const chunks = (await scenario.records("room:1")).map(({ body }) => body).join("");
    expect(chunks.indexOf("one")).toBeLessThan(chunks.indexOf("two"));
    expect(chunks).not.toContain("late");
  });

  test("an input that is sent again after a reconnect is taken once", async () => {
    const scenario = await Scenario.start(kind, { executions });
    const first = await scenario.server.welcomed("/ws?client_id=a");
    const id = await execute(first, "echo");
    const steer = { type: "input", id: "steer", execution_id: id, data: "left" };
    first.send(steer);
    await finalReceipt(first, "steer");
    await first.drop();
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    expect(await second.ask(steer)).toMatchObject({ status: "applied" });
    second.send({ type: "input", id: "done", execution_id: id, data: "done" });
    await second.next("execution_completed");
    const deltas = (await scenario.records("room:1")).filter(({ body }) => body.includes("left"));
    expect(deltas).toHaveLength(1);
  });

  test("inputs that nobody took are superseded by a cancel, and too many are refused", async () => {
    const scenario = await Scenario.start(kind, { executions, limits: { maxWaitingInputs: 2 } });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const id = await execute(client, "endless");
    for (const name of ["one", "two"]) {
      const receipt = await client.ask({ type: "input", id: name, execution_id: id, data: name });
      expect(receipt).toMatchObject({ status: "accepted" });
    }
    const third = await client.ask({ type: "input", id: "three", execution_id: id, data: "three" });
    expect(third).toMatchObject({ status: "rejected", error: { code: "TOO_MANY_INPUTS" } });
    client.send({ type: "cancel", id: "stop", execution_id: id });
    for (const name of ["one", "two"])
      expect(await finalReceipt(client, name)).toMatchObject({ status: "superseded" });
  });

  test("a known input sent again is answered although the queue is full", async () => {
    const scenario = await Scenario.start(kind, { executions, limits: { maxWaitingInputs: 1 } });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const id = await execute(client, "endless");
    const steer = { type: "input", id: "one", execution_id: id, data: 1 };
    expect(await client.ask(steer)).toMatchObject({ status: "accepted" });
    expect(await client.ask(steer)).toMatchObject({ status: "accepted" });
  });

  test("a burst of inputs sent in one go does not pass the limit", async () => {
    const scenario = await Scenario.start(kind, { executions, limits: { maxWaitingInputs: 2 } });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const id = await execute(client, "endless");
    for (let index = 0; index < 8; index += 1)
      client.send({ type: "input", id: `in-${index}`, execution_id: id, data: index });
    const statuses: (string | undefined)[] = [];
    for (let index = 0; index < 8; index += 1) statuses.push((await client.next("receipt")).status);
    expect(statuses.filter((status) => status === "accepted")).toHaveLength(2);
    expect(statuses.filter((status) => status === "rejected")).toHaveLength(6);
  });

  test("limits of a channel and of a connection; the place is free again afterwards", async () => {
    const scenario = await Scenario.start(kind, {
      executions,
      limits: { maxExecutionsPerChannel: 2, maxExecutionsPerConnection: 3 },
    });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const start = (id: string, channel: string) =>
      client.ask({ type: "execute", id, handler: "endless", channel, input: 0 });
    const one = await start("1", "room:1");
    expect(one).toMatchObject({ status: "accepted" });
    expect(await start("2", "room:1")).toMatchObject({ status: "accepted" });
    const tooMany = { status: "rejected", error: { code: "TOO_MANY_EXECUTIONS" } };
    expect(await start("3", "room:1")).toMatchObject(tooMany);
    expect(await start("4", "room:2")).toMatchObject({ status: "accepted" });
    expect(await start("5", "room:3")).toMatchObject(tooMany);
    client.send({ type: "cancel", id: "stop", execution_id: one.execution_id });
    await finalReceipt(client, "stop");
    expect(await start("6", "room:1")).toMatchObject({ status: "accepted" });
  });

  test("a burst of executes sent in one go does not pass the limit", async () => {
    const scenario = await Scenario.start(kind, { executions, limits: { maxExecutionsPerChannel: 2 } });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    for (let index = 0; index < 8; index += 1)
      client.send({ type: "execute", id: `e${index}`, handler: "endless", channel: "room:1", input: 0 });
    const statuses: (string | undefined)[] = [];
    for (let index = 0; index < 8; index += 1) statuses.push((await client.next("receipt")).status);
    expect(statuses.filter((status) => status === "accepted")).toHaveLength(2);
    const records = await scenario.records("room:1");
    expect(records.filter(({ type }) => type === "execution_started")).toHaveLength(2);
  });

  test("on_unwatched: keep goes on, cancel stops at once, cancel_after waits for a return", async () => {
    const go = gate();
    const scenario = await Scenario.start(kind, {
      executions: {
        ...executions,
        async *kept() {
          yield "begun";
          await go.passed;
          yield " done";
        },
      },
    });
    const first = await scenario.server.welcomed("/ws?client_id=a");
    const kept = await execute(first, "kept", { channel: "room:kept" });
    const stopped = await execute(first, "endless", { channel: "room:cancel", on_unwatched: "cancel" });
    const patient = await execute(first, "echo", {
      channel: "room:after",
      on_unwatched: { cancel_after: 30 },
    });
    await first.drop();
    await until("all connections are gone", () => scenario.server.server.connections.count === 0);
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    expect(await second.next("execution_cancelled")).toMatchObject({
      execution_id: stopped,
      reason: "unwatched",
      usage: { output_tokens: 1 },
    });
    go.open();
    expect(await second.next("execution_completed")).toMatchObject({ execution_id: kept });
    expect(await scenario.recordTypesOf("room:after", patient)).not.toContain("execution_cancelled");
  });

  test("on_unwatched cancel_after: nobody comes back in time", async () => {
    const scenario = await Scenario.start(kind, { executions });
    const first = await scenario.server.welcomed("/ws?client_id=a");
    const id = await execute(first, "endless", {
      channel: "room:1",
      on_unwatched: { cancel_after: 0.05 },
    });
    await first.drop();
    const watcher = await scenario.server.welcomed("/ws?client_id=b");
    // Its presence alone would keep the execution: it looks only at what is stored.
    await expect
      .poll(() => scenario.recordTypesOf("room:1", id), { timeout: 5_000 })
      .toContain("execution_cancelled");
    await watcher.settle();
    const records = await scenario.records("room:1");
    expect(JSON.parse(records.at(-1)!.body)).toMatchObject({ reason: "unwatched" });
  });

  test("a private channel is followed without asking, and dropped when its end is confirmed", async () => {
    const scenario = await Scenario.start(kind, {
      executions: {
        async *short() {
          yield "text";
        },
      },
    });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const receipt = await client.ask({ type: "execute", id: "e", handler: "short", input: 0 });
    expect(receipt.channel).toBe(`execution:${receipt.execution_id}`);
    const end = await client.next("execution_completed");
    client.send({ type: "ack", positions: { [receipt.channel!]: end.position } });
    await client.settle();
    const info = scenario.server.server.connections.get(client.hello.connectionId)!;
    expect(info.channels).not.toContain(receipt.channel);
  });

  test("executions that are refused leave no private channel behind", async () => {
    const scenario = await Scenario.start(kind, {
      executions,
      limits: { maxExecutionsPerConnection: 1 },
      websocket: { maxSubscriptions: 5 },
    });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const running = await client.ask({ type: "execute", id: "e", handler: "endless", input: 0 });
    for (let index = 0; index < 10; index += 1) {
      const receipt = await client.ask({ type: "execute", id: `e${index}`, handler: "endless", input: 0 });
      expect(receipt).toMatchObject({ status: "rejected", error: { code: "TOO_MANY_EXECUTIONS" } });
    }
    const { channels } = scenario.server.server.connections.get(client.hello.connectionId)!;
    expect(channels.filter((channel) => !channel.startsWith("~"))).toEqual([running.channel]);
  });

  test("an input that comes with the end of its execution gets a final receipt", async () => {
    const scenario = await Scenario.start(kind, { executions });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const id = await execute(client, "echo");
    client.send({ type: "input", id: "done", execution_id: id, data: "done" });
    const names = Array.from({ length: 10 }, (_, index) => `late-${index}`);
    for (const name of names) client.send({ type: "input", id: name, execution_id: id, data: name });
    for (const name of names) expect(await finalReceipt(client, name)).toMatchObject({ execution_id: id });
    await client.next("execution_completed");
  });

  test("120 executions of one session, one after the other, do not use up its subscriptions", async () => {
    const scenario = await Scenario.start(kind, {
      executions: {
        async *short() {
          yield "text";
        },
      },
    });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    for (let index = 0; index < 120; index += 1) {
      const receipt = await client.ask({ type: "execute", id: `e${index}`, handler: "short", input: 0 });
      expect(receipt).toMatchObject({ status: "accepted" });
      await client.next("execution_completed", ({ execution_id }) => execution_id === receipt.execution_id);
    }
    expect(await client.ask({ type: "subscribe", id: "s", channel: "room:1" })).toMatchObject({
      type: "subscribed",
    });
  });
});
