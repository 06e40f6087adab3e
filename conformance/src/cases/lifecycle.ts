/**
 * What becomes of clients when their server stops or is killed, and comes back. Each of the two happens once; several cases look
 * at what it left behind.
 */
import { section } from "../case.ts";
import type { Closing, PlainClient } from "../clients/plain-client.ts";
import {
  isTerminal,
  positionOf,
  type RecordFrame,
  seqOf,
  type WireMessage,
} from "../clients/wire-message.ts";
import { within } from "../deadline.ts";
import { equals, holds, isOneOf, shown } from "../expectation.ts";
import type { RequirementName } from "../requirements.ts";
import type { Trial } from "../trial.ts";
import { listedAs } from "./welcome.ts";

const STOP: readonly RequirementName[] = ["hook:stop", "hook:start", "handler:count"];
const KILL: readonly RequirementName[] = ["hook:kill", "hook:start", "handler:count"];
const SURVIVED: readonly RequirementName[] = [...KILL, "store:survives_kill"];

/** The lease of a node that was killed has to run out before another one may end what it ran. */
const MAX_OWNER_LOST_MS = 30_000;
const MAX_DRAIN_MS = 60_000;

export const lifecycle = section("Stopping and coming back", (rule) => {
  rule("DRN-1", "a server that stops sends reconnect before it closes", { requires: STOP }, async (t) => {
    const { clients } = await stopped(t);
    for (const { reconnect, messages } of clients) {
      holds(
        reconnect !== undefined,
        `there was a reconnect among ${shown(messages.map(({ type }) => type))}`,
      );
      holds(Number(reconnect.in_ms) >= 0, `in_ms is ${reconnect.in_ms}`);
      isOneOf(reconnect.reason, ["restarting", "going_away"], "the reason");
    }
    const delays = new Set(clients.map(({ reconnect }) => reconnect?.in_ms));
    holds(delays.size > 1, `in_ms is the same for all ${clients.length}: ${shown([...delays])}`);
  });

  rule("DRN-2", "who is still there is closed with 1012 or 1001", { requires: STOP }, async (t) => {
    const { clients } = await stopped(t);
    for (const { closing } of clients) isOneOf(closing.code, [1012, 1001], "the close code");
    for (const { reconnect, closing } of clients)
      equals(
        closing.code,
        reconnect?.reason === "going_away" ? 1001 : 1012,
        "the code that goes with the reason",
      );
  });

  rule(
    "DRN-3",
    "while it drains it refuses upgrades with 503, and says when to come back",
    { requires: STOP },
    async (t) => {
      const { refusals } = await stopped(t);
      const refusal = refusals.find(({ status }) => status === 503);
      holds(refusal !== undefined, `one of the answers is 503: ${shown(refusals)}`);
      equals(refusal.code, "SERVER_NOT_READY", "the code");
      holds(/^\d+$/.test(refusal.retryAfter ?? ""), `retry-after is ${refusal.retryAfter}`);
    },
  );

  rule(
    "DRN-3",
    "executions may finish, and those that do not are interrupted by server_stopped",
    { requires: STOP },
    async (t) => {
      const { shortRun, longRun } = await stopped(t);
      equals(shortRun?.type, "execution_completed", "the end of the short one");
      equals(
        [longRun?.type, longRun?.reason],
        ["execution_interrupted", "server_stopped"],
        "the end of the long one",
      );
      equals(typeof longRun?.usage, "object", "the type of its usage");
    },
  );

  rule(
    "DRN-4",
    "where another node goes on, nobody is closed before its in_ms have passed",
    { requires: [...STOP, "nodes:two"] },
    async (t) => {
      const { clients } = await stopped(t);
      for (const { reconnect, stayedMs } of clients)
        holds(
          stayedMs >= Number(reconnect?.in_ms) - 20,
          `${reconnect?.in_ms} ms became ${Math.round(stayedMs)} ms`,
        );
    },
  );

  rule(
    "RES-7",
    "a session can be resumed on the server that comes back",
    { requires: [...STOP, "store:survives_kill"] },
    async (t) => {
      const { session, channel } = await stopped(t);
      const back = await t.connect({ sessionId: session });
      equals(
        [back.welcome.resumed, listedAs(back.welcome, channel)?.recovered],
        [true, true],
        "resumed and recovered",
      );
    },
  );

  rule(
    "POS-4",
    "after a kill a position is continued without a gap, or not at all",
    { requires: KILL },
    async (t) => {
      const { channel, frames } = await killed(t);
      const client = await t.connect();
      const last = frames.at(-1)!;
      const answer = await client.subscribe(channel, { position: last.position });
      const receipt = await client.publish(channel, "after");
      if (answer.recovered) {
        const [next] = await client.records(channel, 1);
        equals(seqOf(next), seqOf(last) + 1, "seq of the next record");
        return;
      }
      isOneOf(answer.reason, ["epoch_changed", "ahead_of_log", "tag_mismatch"], "the reason");
      equals((await client.expect("reset")).reason, answer.reason, "the reason of the reset");
      const place = positionOf(receipt.position);
      const isUsedTwice = frames.some(({ position }) => {
        const { epoch, seq } = positionOf(position);
        return epoch === place.epoch && seq === place.seq;
      });
      holds(!isUsedTwice, `${receipt.position} was given to another record before`);
    },
  );

  rule("RES-8", "a killed server leaves the session as it was", { requires: SURVIVED }, async (t) => {
    const { session, channel } = await killed(t);
    const back = await t.connect({ sessionId: session });
    equals(
      [back.welcome.resumed, listedAs(back.welcome, channel)?.recovered],
      [true, true],
      "resumed and recovered",
    );
  });

  rule(
    "DEL-6",
    "a killed server has forgotten nothing that it had delivered",
    { requires: SURVIVED },
    async (t) => {
      const { channel, frames } = await killed(t);
      const client = await t.connect();
      await client.subscribe(channel, { since: "start" });
      const log = await client.records(channel, frames.length);
      equals(
        log.map(({ position, data }) => [position, data]),
        frames.map(({ position, data }) => [position, data]),
        "the records",
      );
    },
  );

  rule(
    "CMD-2",
    "a command that a killed server had carried out is not carried out again",
    { requires: SURVIVED },
    async (t) => {
      const { command, receipt, clientId } = await killed(t);
      const again = await (await t.connect({ clientId })).ask(command);
      equals([again.status, again.position], [receipt.status, receipt.position], "status and position");
    },
  );

  rule(
    "EXE-4",
    "an execution of a killed server ends as interrupted, by owner_lost",
    { requires: SURVIVED },
    async (t) => {
      const { runChannel, executionId } = await killed(t);
      const client = await t.connect();
      await client.subscribe(runChannel, { since: "start" });
      const untilMs = performance.now() + MAX_OWNER_LOST_MS;
      const ends = () => client.received.filter((one) => one.execution_id === executionId && isTerminal(one));
      while (ends().length === 0 && performance.now() < untilMs)
        await t.elapse(100, "somebody ends what was lost");
      await client.publish(runChannel, "marker");
      await client.recordsUntil(runChannel, ({ data }) => data === "marker");
      equals(
        ends().map(({ type, reason }) => [type, reason]),
        [["execution_interrupted", "owner_lost"]],
        "its ends",
      );
    },
  );
});

interface Leaver {
  readonly messages: readonly WireMessage[];
  readonly reconnect: WireMessage | undefined;
  readonly closing: Closing;
  /** From `reconnect` to the close. */
  readonly stayedMs: number;
}

/** Stops the first node under clients and executions, and starts it again. */
function stopped(t: Trial) {
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

/** What is in the channel after the server has come back: nothing where the store has forgotten it. */
async function keptIn(t: Trial, channel: string): Promise<readonly WireMessage[]> {
  const reader = await t.connect();
  await reader.publish(channel, "marker");
  await reader.subscribe(channel, { since: "start" });
  return reader.recordsUntil(channel, ({ data }) => data === "marker");
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

/** Kills the first node under a session, a command and an execution, and starts it again. */
function killed(t: Trial) {
  return t.shared("killed", async () => {
    const [channel, runChannel] = [t.channel(), t.channel()];
    const client = await t.connect({ node: 0, clientId: t.freshName() });
    await client.subscribe(channel);
    await client.publishAll(
      channel,
      Array.from({ length: 40 }, (_, index) => index),
    );
    const command = { type: "publish", id: t.freshName(), channel, data: "the command" };
    const receipt = await client.ask(command);
    const frames: readonly RecordFrame[] = await client.records(channel, 41);
    const { execution_id } = await client.execute(t.text("handler:count"), {
      channel: runChannel,
      input: { prompt: "100000 20" },
    });
    await client.recordsUntil(runChannel, ({ chunk }) => chunk?.type === "text-delta");
    await t.hooks.kill?.();
    await client.closed;
    await t.hooks.start?.();
    return {
      channel,
      frames,
      command,
      receipt,
      runChannel,
      executionId: execution_id,
      clientId: client.clientId,
      session: client.sessionId,
    };
  });
}
