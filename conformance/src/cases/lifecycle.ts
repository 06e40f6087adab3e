/**
 * What becomes of clients when their server stops or is killed, and comes back. Each of the two happens once; several cases look
 * at what it left behind.
 */
import { section } from "../case.ts";
import { isTerminal, positionOf, seqOf, textOf } from "../clients/wire-message.ts";
import { equals, holds, isOneOf, shown } from "../expectation.ts";
import type { RequirementName } from "../requirements.ts";
import { NotApplicable } from "../trial.ts";
import { countTo } from "./delivery.ts";
import { keptUntilEnd, untilRecord } from "./kept-records.ts";
import { interruptedRun, killed, RESTARTED_COUNT, restarted } from "./kill-scene.ts";
import { stopped } from "./stop-scene.ts";
import { listedAs } from "./welcome.ts";

const STOP: readonly RequirementName[] = ["hook:stop", "hook:start", "handler:count"];
const KILL: readonly RequirementName[] = ["hook:kill", "hook:start", "handler:count"];
const SURVIVED: readonly RequirementName[] = [...KILL, "store:survives_kill"];

const RESTARTED: readonly RequirementName[] = [...SURVIVED, "handler:count_again"];

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
      const ends = (await keptUntilEnd(t, runChannel, executionId)).filter(isTerminal);
      equals(
        ends.map(({ type, reason }) => [type, reason]),
        [["execution_interrupted", "owner_lost"]],
        "its ends",
      );
    },
  );

  rule(
    "EXE-11",
    "an execution that is run anew says so, and what follows is the whole of it",
    { requires: RESTARTED },
    async (t) => {
      const { frames, executionId } = await restarted(t);
      const at = frames.findIndex(({ type }) => type === "execution_restarted");
      equals(frames[at]?.["attempt"], 2, "the attempt");
      const text = textOf(frames.slice(at), executionId);
      equals(text.trim().split(" ").map(Number), countTo(RESTARTED_COUNT), "the text after it");
      equals(frames.at(-1)?.type, "execution_completed", "the end");
    },
  );

  rule(
    "EXE-12",
    "what was not to be run anew is not",
    { requires: [...SURVIVED, "handler:count_again"] },
    async (t) => {
      const { runChannel, executionId } = await killed(t);
      const frames = await keptUntilEnd(t, runChannel, executionId);
      equals(
        frames.filter(({ type }) => type === "execution_restarted"),
        [],
        "restarts",
      );
    },
  );

  rule("EXE-12", "there are two attempts and no third", { requires: RESTARTED }, async (t) => {
    if (t.target.urls.length > 1)
      throw new NotApplicable(
        "of several nodes only the first is killed, and the second attempt runs on another",
      );
    const run = await interruptedRun(t, "100000 20");
    await untilRecord(t, run.channel, ({ type }) => type === "execution_restarted");
    await t.hooks.kill?.();
    await t.hooks.start?.();
    const frames = await keptUntilEnd(t, run.channel, run.executionId);
    equals(frames.filter(({ type }) => type === "execution_restarted").length, 1, "the number of restarts");
    const end = frames.at(-1);
    equals([end?.type, end?.reason], ["execution_interrupted", "owner_lost"], "the end");
  });

  rule(
    "EXE-13",
    "an execution that is run anew keeps its id and its channel",
    { requires: RESTARTED },
    async (t) => {
      const { frames, executionId } = await restarted(t);
      equals(new Set(frames.map((frame) => frame.execution_id)), new Set([executionId]), "the execution ids");
      equals(frames.filter(({ type }) => type === "execution_started").length, 1, "the number of starts");
    },
  );
});
