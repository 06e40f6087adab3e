/** The events of a response are a function of its log: whoever reads it, from wherever, on whichever node. */
import { type Chunk, emptyMessage, foldChunks, textOf } from "@tachikoma/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClusterFixture } from "../../core/testing/cluster-fixture.ts";
import { CoreFixture, TEST_LIMITS } from "../../core/testing/core-fixture.ts";
import type { ExecutionContext } from "../../executions/handler.ts";
import { arbitraryChunk } from "../execution/testing/arbitrary-chunk.ts";
import type { OutputJson } from "./response-item.ts";
import { type Asked, AskedStream, askWhole, driven, type EventJson } from "./testing/asked-route.ts";

const create = (query: object = {}): Asked => ({
  method: "POST",
  path: "/v1/responses",
  body: { model: "model", input: "go", background: true, ...query },
});
const stream = (id: string, after?: number): Asked => ({
  method: "GET",
  path: "/v1/responses/:id",
  id,
  query: after === undefined ? "stream=true" : `stream=true&starting_after=${after}`,
});
const retrieve = (id: string): Asked => ({ method: "GET", path: "/v1/responses/:id", id });

async function eventsOf(fixture: CoreFixture, asked: Asked): Promise<EventJson[]> {
  const read = new AskedStream(fixture, asked);
  await driven(fixture, read.ended);
  return read.events;
}

test("any place is one to go on from: what was read and what comes after are the whole, and each event has its number", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(arbitraryChunk, { maxLength: 12 }), { maxLength: 4 }),
      fc.integer({ min: 200, max: 20_000 }),
      async (batches, replayPageBytes) => {
        const fixture = new CoreFixture({
          limits: { replayPageBytes, ring: { maxRecords: 8, maxBytes: TEST_LIMITS.ring.maxBytes } },
          handlers: {
            async *model(): AsyncGenerator<Chunk> {
              for (const batch of batches) {
                // What is yielded without a pause is stored together, and would be joined.
                await new Promise(setImmediate);
                yield* batch;
              }
            },
          },
        });
        const live = await eventsOf(fixture, create({ stream: true }));
        expect(live.map(({ sequence_number }) => sequence_number)).toEqual(live.map((_, index) => index));
        expect(live.at(-1)?.type).toBe("response.completed");
        const responseId = (live[0]!["response"] as { id: string }).id;
        expect(await eventsOf(fixture, stream(responseId))).toEqual(live);
        for (let after = 0; after < live.length; after += 1) {
          expect(await eventsOf(fixture, stream(responseId, after))).toEqual(live.slice(after + 1));
        }
        const last = live.at(-1)!["response"];
        expect(await askWhole(fixture, retrieve(responseId))).toEqual(last);
        // The items that the events gave whole are those of the response, but for what was taken back.
        const done = live.flatMap(({ type, item }) => (type === "response.output_item.done" ? [item] : []));
        const { output } = last as { output: OutputJson[] };
        for (const item of output) expect(done).toContainEqual(item);
        const said = output.map((item) => (item.type === "message" ? item.content[0]!.text : ""));
        expect(said.join("")).toBe(textOf(foldChunks(emptyMessage(), batches.flat())));
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);

/** Says which attempt it is, then what it is told. */
async function* told({ attempt, inputs, usage }: ExecutionContext) {
  usage({ outputTokens: attempt });
  yield `attempt ${attempt} `;
  for await (const input of inputs) {
    if (input === "finish") return;
    yield `${input} `;
  }
}

describe("on two nodes", () => {
  async function start(options: { readonly restarts: boolean }) {
    const cluster = new ClusterFixture({
      handlers: { model: told },
      handlersToRestart: options.restarts ? ["model"] : [],
    });
    await cluster.open();
    const [first, second] = [cluster.node(0), cluster.node(1)];
    const response = await askWhole(first, create());
    const responseId = String(response["id"]);
    const tell = async (node: CoreFixture, data: unknown) => {
      const command = {
        commandId: `tell-${String(data)}`,
        executionId: responseId.slice("resp_".length),
        data,
      };
      const identity = {
        tenant: "default",
        subject: "a",
        clientId: "a",
        grants: undefined,
        expiresAtMs: undefined,
      };
      await driven(node, node.server.requests.input(identity, command));
      await node.clock.settle();
    };
    const passTakeover = async () => {
      for (let second = 0; second < 40; second += 1) await cluster.clock.advance(1_000);
    };
    return { cluster, first, second, responseId, tell, passTakeover };
  }

  test("every node gives the same events, and cancels what runs on another", async () => {
    const { first, second, responseId, tell } = await start({ restarts: false });
    const [here, there] = [
      new AskedStream(first, stream(responseId)),
      new AskedStream(second, stream(responseId)),
    ];
    await tell(first, "one");
    await tell(second, "two");
    const cancelling = askWhole(second, { method: "POST", path: "/v1/responses/:id/cancel", id: responseId });
    expect(await cancelling).toMatchObject({ status: "cancelled", usage: { output_tokens: 1 } });
    await driven(first, Promise.all([here.ended, there.ended]));
    expect(there.events).toEqual(here.events);
    expect(there.text).toBe("attempt 1 one two ");
    expect(there.events.at(-1)).toMatchObject({
      type: "response.incomplete",
      response: { status: "cancelled" },
    });
  });

  test("what a lost node ran is incomplete on the others", async () => {
    const { cluster, second, responseId, passTakeover } = await start({ restarts: false });
    const there = new AskedStream(second, stream(responseId));
    cluster.node(0).kill();
    await passTakeover();
    await driven(second, there.ended);
    expect(there.events.at(-1)).toMatchObject({
      type: "response.incomplete",
      response: { status: "incomplete", incomplete_details: { reason: "interrupted" } },
    });
  });

  test("two attempts are never mixed: whoever saw the first is told, and whoever comes then reads the second", async () => {
    const { cluster, first, second, responseId, tell, passTakeover } = await start({ restarts: true });
    const early = new AskedStream(second, stream(responseId));
    await tell(first, "lost");
    cluster.node(0).kill();
    await passTakeover();
    await driven(second, early.ended);
    expect(early.text).toBe("attempt 1 lost ");
    expect(early.events.at(-1)).toMatchObject({ type: "error", code: "EXECUTION_RESTARTED" });

    const late = new AskedStream(second, stream(responseId));
    await tell(second, "kept");
    await tell(second, "finish");
    await driven(second, late.ended);
    expect(late.text).toBe("attempt 2 kept ");
    expect(late.types[0]).toBe("response.created");
    expect(late.events.at(-1)).toMatchObject({
      type: "response.completed",
      response: { usage: { output_tokens: 2 }, output: [{ content: [{ text: "attempt 2 kept " }] }] },
    });
    const seen = early.events.at(-2)!.sequence_number;
    expect(late.events[0]!.sequence_number).toBe(seen + 1);
    // From within the first attempt there is no way on; from within the second there is, to the number.
    expect(await eventsOf(second, stream(responseId, seen))).toMatchObject([{ code: "EXECUTION_RESTARTED" }]);
    for (const [index, { sequence_number }] of late.events.entries()) {
      expect(await eventsOf(second, stream(responseId, sequence_number))).toEqual(
        late.events.slice(index + 1),
      );
    }
    expect(await askWhole(second, retrieve(responseId))).toEqual(late.events.at(-1)!["response"]);
  });
});
