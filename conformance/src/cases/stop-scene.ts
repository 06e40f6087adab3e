/** A server that stops in good order, once; several cases look at what its clients saw of it. */
import type { Closing, PlainClient } from "../clients/plain-client.ts";
import { isTerminal, type WireMessage } from "../clients/wire-message.ts";
import { within } from "../deadline.ts";
import type { Trial } from "../trial.ts";
import { keptIn } from "./kept-records.ts";

const MAX_DRAIN_MS = 60_000;

interface Leaver {
  readonly messages: readonly WireMessage[];
  readonly reconnect: WireMessage | undefined;
  readonly closing: Closing;
  /** From `reconnect` to the close. */
  readonly stayedMs: number;
}

/** Stops the first node under clients and executions, and starts it again. */
export function stopped(t: Trial) {
  return t.shared("stopped", async () => {
    const channel = t.channel();
    const clients: PlainClient[] = [];
    for (let count = 0; count < 4; count += 1) clients.push(await t.connect({ node: 0 }));
    for (const client of clients) await client.subscribe(channel);
    const run = (prompt: string) =>
      clients[0]!.execute(t.text("handler:count"), { channel, input: { prompt } });
    const long = await run("100000 20");
    const short = await run("20 10");
    const leaving = clients.map(leaverOf);
    await t.hooks.stop?.();
    const refusals = await refusalsUntil(t, clients[1]!.closed);
    const leavers = await Promise.all(leaving);
    await t.hooks.start?.();
    const seen = [...leavers.flatMap(({ messages }) => messages), ...(await keptIn(t, channel))];
    const endOf = (id: string) => seen.find((one) => one.execution_id === id && isTerminal(one));
    return {
      clients: leavers,
      refusals,
      longRun: endOf(long.execution_id),
      shortRun: endOf(short.execution_id),
      session: clients[2]!.sessionId,
      channel,
    };
  });
}

async function leaverOf(client: PlainClient): Promise<Leaver> {
  let toldAtMs = 0;
  client.webSocket.on("message", (data) => {
    if (data.toString().includes('"reconnect"')) toldAtMs = performance.now();
  });
  const closing = await within(MAX_DRAIN_MS, `the close of ${client.name}`, client.closed);
  const stayedMs = performance.now() - toldAtMs;
  const reconnect = client.received.find(({ type }) => type === "reconnect");
  return { messages: client.received, reconnect, closing, stayedMs };
}

/** Knocks again and again while the server drains. */
async function refusalsUntil(t: Trial, closed: Promise<unknown>) {
  const refusals: {
    readonly status: number;
    readonly code: unknown;
    readonly retryAfter: string | undefined;
  }[] = [];
  let isOver = false;
  void closed.then(() => {
    isOver = true;
  });
  while (!isOver) {
    const answer = await t.knock({ node: 0, isPatient: false }).catch(() => undefined);
    if (answer !== undefined && answer.status !== 101)
      refusals.push({
        status: answer.status,
        code: answer.json?.["code"],
        retryAfter: answer.headers["retry-after"],
      });
    await t.elapse(50, "before the next knock");
  }
  return refusals;
}
