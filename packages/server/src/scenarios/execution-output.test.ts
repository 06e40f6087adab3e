/** What handlers may yield, and every way in which an execution ends. */
import { TachikomaError } from "@tachikoma/protocol";
import { describe, expect, test } from "vitest";
import type { Handler } from "../executions/handler.ts";
import type { PlainClient, WireMessage } from "../testing/plain-client.ts";
import { textSeen } from "./support/delivery-check.ts";
import { textOfRecords } from "./support/handlers.ts";
import { Scenario, STORE_KINDS } from "./support/scenario.ts";

const SECRET = "sk-live-51f0c7";
const USAGE = { inputTokens: 3, outputTokens: 5 };
const WIRE_USAGE = { input_tokens: 3, output_tokens: 5 };

const handlers: Readonly<Record<string, Handler>> = {
  async *strings({ usage }) {
    yield "Hello, ";
    yield "";
    yield "world";
    usage(USAGE);
  },
  /** Nothing is under way any more when the empty text comes. */
  async *pausing({ usage }) {
    yield "Hello, ";
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    yield "";
    yield "world";
    usage(USAGE);
  },
  async *chunks({ usage }) {
    usage(USAGE);
    yield { type: "start", messageId: "m1" };
    yield { type: "text-start", id: "t" };
    yield { type: "text-delta", id: "t", delta: "Hello, world" };
    yield { type: "text-end", id: "t" };
    yield { type: "finish", finishReason: "stop" };
  },
  stream({ usage }) {
    usage(USAGE);
    return new ReadableStream({
      start(controller) {
        controller.enqueue("Hello, ");
        controller.enqueue("world");
        controller.close();
      },
    });
  },
  async promised({ usage }) {
    usage(USAGE);
    return (async function* () {
      yield "Hello, world";
    })();
  },
  async *unfinished({ usage }) {
    usage(USAGE);
    yield { type: "text-start", id: "t" };
    yield { type: "text-delta", id: "t", delta: "Hello, world" };
  },
  async *throwing({ usage }) {
    usage(USAGE);
    yield "so far";
    throw new Error(`connect with ${SECRET} failed`);
  },
  throwingAtOnce({ usage }) {
    usage(USAGE);
    throw new Error(`no ${SECRET}`);
  },
  async *throwingOurs({ usage }) {
    usage(USAGE);
    yield "so far";
    throw new TachikomaError("UPSTREAM_TIMEOUT", "The model was silent for 60 s");
  },
  async *nonsense({ usage }) {
    usage(USAGE);
    yield "so far";
    yield { type: "no-such-chunk", secret: SECRET } as never;
  },
  async *aNumber({ usage }) {
    usage(USAGE);
    yield 7 as never;
  },
  noStream({ usage }) {
    usage(USAGE);
    return { secret: SECRET } as never;
  },
  async *errorChunk({ usage }) {
    usage(USAGE);
    yield { type: "error", errorText: "the model refused" };
  },
  failingStream({ usage }) {
    usage(USAGE);
    return new ReadableStream({
      pull(controller) {
        controller.error(new Error(SECRET));
      },
    });
  },
};

const TERMINAL = /^execution_(completed|failed|cancelled|interrupted)$/;

async function run(client: PlainClient, handler: string, id = handler): Promise<WireMessage> {
  const receipt = await client.ask({ type: "execute", id, handler, channel: "room:1", input: {} });
  expect(receipt).toMatchObject({ type: "receipt", status: "accepted" });
  return receipt;
}

function endOf(client: PlainClient, id: string | undefined): WireMessage[] {
  return client.received.filter(({ type, execution_id }) => execution_id === id && TERMINAL.test(type));
}

async function expectOneEnd(scenario: Scenario, id: string, type: string): Promise<void> {
  const types = await scenario.recordTypesOf("room:1", id);
  expect(types[0]).toBe("execution_started");
  expect(types.at(-1)).toBe(type);
  expect(types.filter((each) => TERMINAL.test(each))).toEqual([type]);
}

describe.each(STORE_KINDS)("on %s", (kind) => {
  test.each(["strings", "pausing", "chunks", "stream", "promised", "unfinished"])(
    "a handler of the form %s completes with its text and usage",
    async (name) => {
      const scenario = await Scenario.start(kind, { executions: handlers });
      const client = await scenario.server.welcomed("/ws?client_id=a");
      const { execution_id: id } = await run(client, name);
      const end = await client.next("execution_completed");
      expect(end).toMatchObject({ execution_id: id, usage: WIRE_USAGE });
      await client.settle();
      expect(endOf(client, id)).toHaveLength(1);
      expect(textSeen(client, "room:1", id!)).toBe("Hello, world");
      expect(textOfRecords(await scenario.records("room:1"), id)).toBe("Hello, world");
      await expectOneEnd(scenario, id!, "execution_completed");
      const chunks = (await scenario.records("room:1")).filter(({ type }) => type === "chunk");
      const chunkTypes = chunks.map(({ body }) => (JSON.parse(body) as { type: string }).type);
      expect(chunkTypes.at(0)).toBe("start");
      expect(chunkTypes.at(-1)).toBe("finish");
      expect(chunkTypes.filter((type) => type === "text-start")).toHaveLength(1);
      expect(chunkTypes.filter((type) => type === "text-end")).toHaveLength(1);
    },
  );

  test.each([
    ["throwing", "HANDLER_FAILED", "The handler failed"],
    ["throwingAtOnce", "HANDLER_FAILED", "The handler failed"],
    ["throwingOurs", "UPSTREAM_TIMEOUT", "The model was silent for 60 s"],
    ["nonsense", "INVALID_CHUNK", undefined],
    ["aNumber", "INVALID_CHUNK", undefined],
    ["noStream", "INVALID_CHUNK", undefined],
    ["errorChunk", "HANDLER_FAILED", "the model refused"],
    ["failingStream", "HANDLER_FAILED", "The handler failed"],
  ])("%s fails with %s, its usage, and no secret in any byte", async (name, code, message) => {
    const scenario = await Scenario.start(kind, { executions: handlers });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const { execution_id: id } = await run(client, name);
    const end = await client.next("execution_failed");
    expect(end).toMatchObject({ execution_id: id, usage: WIRE_USAGE, error: { code } });
    if (message !== undefined) expect(end.error!.message).toBe(message);
    await client.settle();
    await expectOneEnd(scenario, id!, "execution_failed");
    const last = (await scenario.records("room:1")).filter(({ type }) => type === "chunk").at(-1)!;
    expect(JSON.parse(last.body)).toMatchObject({ type: "error", errorText: end.error!.message });
    expect(JSON.stringify(client.received)).not.toContain(SECRET);
    expect(JSON.stringify(await scenario.records("room:1"))).not.toContain(SECRET);
  });

  test("an execution that takes longer than its handler may fails once, with what it had", async () => {
    const scenario = await Scenario.start(kind, {
      executions: {
        slow: {
          maxDurationSecs: 0.05,
          async *run({ usage }) {
            usage(USAGE);
            yield "so far";
            await new Promise(() => undefined);
          },
        },
      },
    });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const { execution_id: id } = await run(client, "slow");
    const end = await client.next("execution_failed");
    expect(end).toMatchObject({ usage: WIRE_USAGE, error: { code: "EXECUTION_TIMEOUT" } });
    await expectOneEnd(scenario, id!, "execution_failed");
    expect(textSeen(client, "room:1", id!)).toBe("so far");
  });

  test("a server that stops interrupts what runs, and says so before it goes", async () => {
    const scenario = await Scenario.start(kind, {
      executions: {
        async *endless({ signal, usage }) {
          usage(USAGE);
          yield "so far";
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      },
    });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const { execution_id: id } = await run(client, "endless");
    await client.next("chunk", ({ chunk }) => (chunk as { type: string }).type === "text-delta");
    const closing = scenario.server.server.close({ graceMs: 0 });
    const end = await client.next("execution_interrupted");
    expect(end).toMatchObject({ reason: "server_stopped", usage: WIRE_USAGE });
    await client.expectClose(1012);
    await closing;
    await scenario.restart();
    await expectOneEnd(scenario, id!, "execution_interrupted");
  });

  test("several executions of one channel alternate without mixing, and each ends once", async () => {
    const scenario = await Scenario.start(kind, {
      executions: {
        async *counting({ input }) {
          for (let step = 0; step < 50; step += 1) {
            yield `${String(input)}${step} `;
            await new Promise((resolve) => setImmediate(resolve));
          }
        },
      },
    });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const names = ["a", "b", "c", "d", "e"];
    const ids = new Map<string, string>();
    for (const name of names)
      client.send({ type: "execute", id: name, handler: "counting", channel: "room:1", input: name });
    for (const name of names) {
      const receipt = await client.next("receipt", ({ ref }) => ref === name);
      ids.set(name, receipt.execution_id!);
    }
    await client.untilReceived("execution_completed", names.length);
    await client.settle();
    for (const [name, id] of ids) {
      const expected = Array.from({ length: 50 }, (_, step) => `${name}${step} `).join("");
      expect(textSeen(client, "room:1", id)).toBe(expected);
      expect(textOfRecords(await scenario.records("room:1"), id)).toBe(expected);
      await expectOneEnd(scenario, id, "execution_completed");
    }
  });
});
