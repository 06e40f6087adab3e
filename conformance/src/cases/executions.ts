import { section } from "../case.ts";
import type { PlainClient } from "../clients/plain-client.ts";
import { isTerminal, type RecordFrame, seqOf, textOf } from "../clients/wire-message.ts";
import { equals, holds, isOneOf, shown } from "../expectation.ts";
import type { Trial } from "../trial.ts";
import { countedTo, countTo } from "./delivery.ts";
import { listedAs } from "./welcome.ts";

/** Longer than any case runs. */
const ENDLESS = { input: { prompt: "100000 20" } };

export const executions = section("Executions", (rule) => {
  rule(
    "EXE-1",
    "execute is accepted with an id, on a private channel of that id",
    { requires: ["handler:echo"] },
    async (t) => {
      const client = await t.connect();
      const { execution_id, channel, status } = await client.execute(t.text("handler:echo"), prompt("hello"));
      equals([status, channel], ["accepted", `execution:${execution_id}`], "status and channel");
      equals(textOf(await client.recordsUntilEnd(channel!), execution_id), "hello", "the text");
    },
  );

  rule("EXE-1", "execute on a channel writes there", { requires: ["handler:echo"] }, async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    const receipt = await client.execute(t.text("handler:echo"), { channel, ...prompt("there") });
    equals(receipt.channel, channel, "channel of the receipt");
    equals(textOf(await client.recordsUntilEnd(channel), receipt.execution_id), "there", "the text");
  });

  rule(
    "EXE-1",
    "the same id again returns the same execution and starts nothing",
    { requires: ["handler:echo"] },
    async (t) => {
      const client = await t.connect({ clientId: t.freshName() });
      const channel = t.channel();
      const command = { id: t.freshName(), channel, ...prompt("once") };
      const { execution_id } = await client.execute(t.text("handler:echo"), command);
      const twice = await client.execute(t.text("handler:echo"), command);
      equals(twice.execution_id, execution_id, "execution_id while it runs");
      await client.recordsUntilEnd(channel);
      const other = await t.connect({ clientId: client.clientId });
      const later = await other.execute(t.text("handler:echo"), command);
      equals(
        [later.execution_id, later.channel],
        [execution_id, channel],
        "execution_id and channel after its end",
      );
      await other.publish(channel, "end");
      const log = await logOf(t, channel);
      equals(log.filter(({ type }) => type === "execution_started").length, 1, "the number of starts");
    },
  );

  rule("EXE-1", "a handler that is not known is rejected with UNKNOWN_HANDLER", async (t) => {
    const client = await t.connect();
    const receipt = await client.ask({ type: "execute", handler: t.freshName(), ...prompt("x") });
    equals([receipt.status, receipt.error?.code], ["rejected", "UNKNOWN_HANDLER"], "status and code");
    await client.settle();
  });

  rule(
    "EXE-2",
    "execute subscribes its sender from before the first record, and says where",
    { requires: ["handler:echo"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel();
      await (await t.connect()).publish(channel, "older");
      const receipt = await client.execute(t.text("handler:echo"), { channel, ...prompt("x") });
      const frames = await client.recordsUntilEnd(channel);
      equals(frames[0]?.type, "execution_started", "the first record");
      equals(seqOf(receipt) + 1, seqOf(frames[0]), "seq of the first record, counted from the receipt");
      await client.drop();
      const back = await t.connect({ sessionId: client.sessionId });
      holds(listedAs(back.welcome, channel) !== undefined, "the channel is in welcome");
    },
  );

  rule(
    "EXE-2",
    "who is subscribed already stays where it is, and gets each record once",
    { requires: ["handler:echo"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel();
      await client.subscribe(channel);
      const receipt = await client.execute(t.text("handler:echo"), { channel, ...prompt("x") });
      equals(receipt.position, undefined, "position in the receipt");
      const frames = await client.recordsUntilEnd(channel);
      equals(seqOf(frames[0]), 1, "seq of the first record");
      equals(frames.filter(({ type }) => type === "execution_started").length, 1, "the number of starts");
    },
  );

  for (const [handler, end] of [
    ["handler:echo", "execution_completed"],
    ["handler:fail", "execution_failed"],
  ] as const) {
    rule(
      "EXE-3",
      `it begins with execution_started and ends with one terminal record: ${end}`,
      { requires: [handler] },
      async (t) => {
        const client = await t.connect();
        const channel = t.channel();
        const { execution_id } = await client.execute(t.text(handler), { channel, ...prompt("x") });
        await client.recordsUntilEnd(channel);
        const types = (await logOf(t, channel))
          .filter((one) => one.execution_id === execution_id)
          .map(({ type }) => type);
        equals([types[0], types.at(-1)], ["execution_started", end], "the first and the last record");
        holds(
          types.slice(1, -1).every((type) => type === "chunk"),
          `between them are chunks: ${shown(types)}`,
        );
      },
    );
  }

  rule(
    "EXE-3",
    "a cancelled one ends with one terminal record too, and nothing follows it",
    { requires: ["handler:count"] },
    async (t) => {
      const { client, channel, id } = await running(t);
      for (const cancel of ["c1", "c2", "c3"]) client.send({ type: "cancel", id: cancel, execution_id: id });
      await client.recordsUntilEnd(channel, id);
      await countedTo(t, client, channel, "20 5");
      const log = (await logOf(t, channel)).filter((frame) => frame.execution_id === id);
      equals(log.filter(isTerminal).length, 1, "the number of terminal records");
      equals(log.at(-1)?.type, "execution_cancelled", "the last record");
    },
  );

  rule(
    "EXE-3",
    "execution_started names the handler and who asked; execution_failed has an error",
    { requires: ["handler:fail"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel();
      await client.execute(t.text("handler:fail"), { channel, ...prompt("x") });
      const frames = await client.recordsUntilEnd(channel);
      equals(
        [frames[0]?.handler, frames[0]?.sender],
        [t.text("handler:fail"), client.clientId],
        "handler and sender",
      );
      const { error } = frames.at(-1)!;
      equals(
        [typeof error?.code, typeof error?.message],
        ["string", "string"],
        "the types of code and message",
      );
    },
  );

  rule(
    "EXE-5",
    "the terminal record carries usage, however it ended",
    { requires: ["handler:echo", "handler:fail", "handler:count"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel();
      for (const handler of ["handler:echo", "handler:fail"] as const) {
        await client.execute(t.text(handler), { channel, ...prompt("x") });
        checkUsage((await client.recordsUntilEnd(channel)).at(-1));
      }
      const { execution_id } = await client.execute(t.text("handler:count"), { channel, ...ENDLESS });
      client.send({ type: "cancel", id: "c", execution_id });
      checkUsage((await client.recordsUntilEnd(channel)).at(-1));
    },
  );

  rule(
    "EXE-5",
    "usage says the tokens that were used, also of a cancelled one",
    { requires: ["handler:usage"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel();
      const { execution_id } = await client.execute(t.text("handler:usage"), {
        channel,
        ...prompt("count to 200"),
      });
      await client.recordsUntil(channel, ({ chunk }) => chunk?.type === "text-delta");
      client.send({ type: "cancel", id: "c", execution_id });
      const end = (await client.recordsUntilEnd(channel)).at(-1);
      holds(Number(end?.usage?.["output_tokens"]) > 0, `usage is ${shown(end?.usage)}`);
    },
  );

  rule(
    "EXE-6",
    "keep, which is the default: it goes on though nobody follows it",
    { requires: ["handler:count"] },
    async (t) => {
      const channel = t.channel();
      for (const fields of [{}, { on_unwatched: "keep" }]) {
        const client = await t.connect();
        await client.execute(t.text("handler:count"), { channel, ...prompt("20 10"), ...fields });
        await client.drop();
      }
      const watcher = await t.connect();
      await watcher.subscribe(channel, { since: "start" });
      for (let count = 0; count < 2; count += 1)
        equals((await watcher.recordsUntilEnd(channel)).at(-1)?.type, "execution_completed", "how it ended");
    },
  );

  rule(
    "EXE-6",
    "cancel: it ends as soon as nobody follows it",
    { requires: ["handler:count"] },
    async (t) => {
      const { client, channel, id } = await running(t, { on_unwatched: "cancel" });
      await client.drop();
      await t.elapse(500, "whoever looks too soon follows it");
      const end = await endOf(t, channel, id);
      equals([end?.type, end?.reason], ["execution_cancelled", "unwatched"], "how it ended");
      holds(!("sender" in end!), "nobody asked for it");
    },
  );

  rule(
    "EXE-6",
    "cancel: it goes on while somebody else follows it",
    { requires: ["handler:count"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel();
      const watcher = await t.connect();
      await watcher.subscribe(channel);
      await client.execute(t.text("handler:count"), { channel, ...prompt("30 10"), on_unwatched: "cancel" });
      await client.drop();
      equals((await watcher.recordsUntilEnd(channel)).at(-1)?.type, "execution_completed", "how it ended");
    },
  );

  rule(
    "EXE-6",
    "cancel_after: it goes on when somebody has come back in time",
    { requires: ["handler:count"] },
    async (t) => {
      const { client, channel, id } = await running(t, {
        prompt: "120 20",
        on_unwatched: { cancel_after: 1.5 },
      });
      await client.drop();
      const back = await t.connect({ sessionId: client.sessionId });
      equals((await back.recordsUntilEnd(channel, id)).at(-1)?.type, "execution_completed", "how it ended");
    },
  );

  rule("EXE-6", "cancel_after: it ends when nobody has", { requires: ["handler:count"] }, async (t) => {
    const { client, channel, id } = await running(t, { on_unwatched: { cancel_after: 0.3 } });
    await client.drop();
    await t.elapse(1_000, "nobody comes back");
    const end = await endOf(t, channel, id);
    equals([end?.type, end?.reason], ["execution_cancelled", "unwatched"], "how it ended");
  });

  rule("EXE-6", "an on_unwatched that is not known is refused", async (t) => {
    const client = await t.connect();
    const bad = [
      "never",
      "",
      5,
      {},
      { cancel_after: 0 },
      { cancel_after: -1 },
      { cancel_after: 86_401 },
      { cancelAfter: 5 },
    ];
    for (const on_unwatched of bad) {
      const answer = await client.ask({ type: "execute", handler: "any", ...prompt("x"), on_unwatched });
      equals(
        [answer.type, answer.code],
        ["error", "INVALID_MESSAGE"],
        `the answer to ${shown(on_unwatched)}`,
      );
    }
  });

  rule(
    "EXE-7",
    "cancel is accepted, then applied when the execution has ended by it",
    { requires: ["handler:count"] },
    async (t) => {
      const { client, channel, id } = await running(t);
      client.send({ type: "cancel", id: "stop", execution_id: id });
      const accepted = await client.answerTo("stop");
      equals(
        [accepted.status, accepted.execution_id, accepted.channel],
        ["accepted", id, channel],
        "the first receipt",
      );
      equals((await client.answerTo("stop")).status, "applied", "status of the second receipt");
      const end = (await client.recordsUntilEnd(channel, id)).at(-1);
      equals(
        [end?.type, end?.reason, end?.sender],
        ["execution_cancelled", "requested", client.clientId],
        "the end",
      );
    },
  );

  rule(
    "EXE-7",
    "cancel works from another device, without a subscription",
    { requires: ["handler:count"] },
    async (t) => {
      const { client, channel, id } = await running(t);
      const other = await t.connect();
      other.send({ type: "cancel", id: "stop", execution_id: id });
      equals((await other.answerTo("stop")).status, "accepted", "the first status");
      equals((await other.answerTo("stop")).status, "applied", "the second status");
      equals((await client.recordsUntilEnd(channel, id)).at(-1)?.sender, other.clientId, "sender of the end");
    },
  );

  rule("EXE-7", "cancel works after a resume", { requires: ["handler:count"] }, async (t) => {
    const { client, channel, id } = await running(t);
    await client.drop();
    const back = await t.connect({ sessionId: client.sessionId });
    back.send({ type: "cancel", id: "stop", execution_id: id });
    equals((await back.recordsUntilEnd(channel, id)).at(-1)?.type, "execution_cancelled", "how it ended");
  });

  rule(
    "EXE-7",
    "a cancel asked for again under the same id has the receipt that it had",
    { requires: ["handler:count"] },
    async (t) => {
      const { client, channel, id } = await running(t);
      const command = { type: "cancel", id: "stop", execution_id: id };
      client.send(command);
      await client.recordsUntilEnd(channel, id);
      const receipts = [await client.answerTo("stop"), await client.answerTo("stop")];
      equals(
        receipts.map(({ status }) => status),
        ["accepted", "applied"],
        "the statuses",
      );
      for (let round = 0; round < 2; round += 1) {
        const again = await client.ask(command);
        equals([again.status, again.execution_id], ["applied", id], "status and execution_id, asked again");
      }
    },
  );

  rule(
    "EXE-7",
    "an execution that has ended, or that nobody knows, is rejected",
    { requires: ["handler:echo"] },
    async (t) => {
      const client = await t.connect();
      const unknown = await client.ask({ type: "cancel", execution_id: t.freshName() });
      equals(
        [unknown.status, unknown.error?.code],
        ["rejected", "UNKNOWN_EXECUTION"],
        "status and code, not known",
      );
      const channel = t.channel();
      const { execution_id } = await client.execute(t.text("handler:echo"), { channel, ...prompt("x") });
      await client.recordsUntilEnd(channel);
      const ended = await client.ask({ type: "cancel", execution_id });
      equals(ended.status, "rejected", "status, ended");
      isOneOf(ended.error?.code, ["EXECUTION_ENDED", "UNKNOWN_EXECUTION"], "code, ended");
    },
  );

  rule(
    "EXE-7",
    "cancel needs the permission for the channel",
    { requires: ["handler:count", "token:alice", "token:alice_limited", "namespace:private"] },
    async (t) => {
      const client = await t.connect({ token: t.text("token:alice") });
      const channel = t.channel(t.text("namespace:private"));
      const { execution_id } = await client.execute(t.text("handler:count"), { channel, ...prompt("60 10") });
      const other = await t.connect({
        token: t.text("token:alice_limited"),
        clientId: `alice:${t.freshName()}`,
      });
      const answer = await other.ask({ type: "cancel", execution_id });
      equals(answer.error?.code ?? answer.code, "FORBIDDEN", "the code of the answer");
      equals((await client.recordsUntilEnd(channel)).at(-1)?.type, "execution_completed", "how it ended");
    },
  );

  rule(
    "EXE-8",
    "input is accepted, then applied when the handler has taken it",
    { requires: ["handler:inputs"] },
    async (t) => {
      const { client, id } = await running(t, { handler: "handler:inputs", prompt: "count to 100" });
      client.send({ type: "input", id: "say", execution_id: id, data: { text: "faster" } });
      equals((await client.answerTo("say")).status, "accepted", "the first status");
      equals((await client.answerTo("say")).status, "applied", "the second status");
      const again = await client.ask({
        type: "input",
        id: "say",
        execution_id: id,
        data: { text: "faster" },
      });
      equals(again.status, "applied", "the status, asked again");
    },
  );

  rule(
    "EXE-8",
    "an input that the handler had not taken when it was cancelled is superseded",
    { requires: ["handler:count"] },
    async (t) => {
      const { client, channel, id } = await running(t);
      client.send({ type: "input", id: "say", execution_id: id, data: 1 });
      equals((await client.answerTo("say")).status, "accepted", "the first status");
      client.send({ type: "cancel", id: "stop", execution_id: id });
      await client.recordsUntilEnd(channel, id);
      equals((await client.answerTo("say")).status, "superseded", "the second status");
    },
  );

  rule(
    "EXE-8",
    "an input that the handler had not taken when it ended is rejected",
    { requires: ["handler:count"] },
    async (t) => {
      const { client, channel, id } = await running(t, { prompt: "20 20" });
      client.send({ type: "input", id: "say", execution_id: id, data: 1 });
      equals((await client.answerTo("say")).status, "accepted", "the first status");
      await client.recordsUntilEnd(channel, id);
      const later = await client.answerTo("say");
      equals(
        [later.status, later.error?.code],
        ["rejected", "EXECUTION_ENDED"],
        "the second status and its code",
      );
    },
  );

  rule(
    "EXE-8",
    "an input to what has ended, or is not known, is rejected",
    { requires: ["handler:echo"] },
    async (t) => {
      const client = await t.connect();
      const unknown = await client.ask({ type: "input", execution_id: t.freshName(), data: 1 });
      equals(
        [unknown.status, unknown.error?.code],
        ["rejected", "UNKNOWN_EXECUTION"],
        "status and code, not known",
      );
      const channel = t.channel();
      const { execution_id } = await client.execute(t.text("handler:echo"), { channel, ...prompt("x") });
      await client.recordsUntilEnd(channel);
      const ended = await client.ask({ type: "input", execution_id, data: 1 });
      equals(ended.status, "rejected", "status, ended");
      isOneOf(ended.error?.code, ["EXECUTION_ENDED", "UNKNOWN_EXECUTION"], "code, ended");
    },
  );

  rule(
    "EXE-8",
    "one input too many is rejected with TOO_MANY_INPUTS, finally for its id",
    { requires: ["handler:count", "limit:max_waiting_inputs"] },
    async (t) => {
      const { client, id } = await running(t);
      const say = (name: string) => client.ask({ type: "input", id: name, execution_id: id, data: name });
      for (let count = 0; count < t.number("limit:max_waiting_inputs"); count += 1)
        equals((await say(`in ${count}`)).status, "accepted", `the status of input ${count}`);
      for (let round = 0; round < 2; round += 1) {
        const { status, error } = await say("too many");
        equals([status, error?.code], ["rejected", "TOO_MANY_INPUTS"], "status and code");
      }
      client.send({ type: "cancel", id: "stop", execution_id: id });
      await client.expect("receipt", { ref: "stop", status: "applied" });
      equals((await say("too many")).status, "rejected", "the status after the end");
    },
  );

  rule(
    "EXE-9",
    "executions on one channel keep their chunks apart",
    { requires: ["handler:count"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel();
      await client.subscribe(channel);
      const ids = [];
      for (const length of [40, 60]) {
        const { execution_id } = await client.execute(t.text("handler:count"), {
          channel,
          ...prompt(`${length} 5`),
        });
        ids.push([execution_id, length] as const);
      }
      const live = [...(await client.recordsUntilEnd(channel)), ...(await client.recordsUntilEnd(channel))];
      const late = await t.connect();
      await late.subscribe(channel, { since: "start" });
      const replayed = [...(await late.recordsUntilEnd(channel)), ...(await late.recordsUntilEnd(channel))];
      for (const [id, length] of ids) {
        for (const frames of [live, replayed])
          equals(textOf(frames, id).trim().split(" ").map(Number), countTo(length), `the text of ${id}`);
      }
    },
  );

  rule(
    "EXE-10",
    "a private channel leaves the session when its end has been confirmed",
    { requires: ["handler:echo", "limit:ping_interval_secs"] },
    async (t) => {
      const client = await t.connect();
      const { channel } = await client.execute(t.text("handler:echo"), prompt("x"));
      await client.recordsUntilEnd(channel!);
      await client.nextPing();
      // What its pong has confirmed is stored by the time of the next one.
      await client.nextPing();
      await client.drop();
      const back = await t.connect({ sessionId: client.sessionId });
      equals(listedAs(back.welcome, channel!), undefined, "the channel in welcome");
    },
  );

  rule(
    "EXE-10",
    "until then it stays, and its end comes again",
    { requires: ["handler:echo"] },
    async (t) => {
      const client = await t.connect({ answersPings: false });
      const { channel, execution_id } = await client.execute(t.text("handler:echo"), prompt("x"));
      await client.recordsUntilEnd(channel!);
      await client.drop();
      const back = await t.connect({ sessionId: client.sessionId });
      holds(listedAs(back.welcome, channel!) !== undefined, "the channel is in welcome");
      equals(
        (await back.recordsUntilEnd(channel!, execution_id)).at(-1)?.type,
        "execution_completed",
        "the end",
      );
    },
  );
});

function prompt(text: string) {
  return { input: { prompt: text } };
}

interface Running {
  readonly handler?: "handler:count" | "handler:inputs";
  readonly prompt?: string;
  readonly on_unwatched?: unknown;
}

/** An execution that has begun to stream. Without a prompt it goes on for longer than the case. */
export async function running(t: Trial, options: Running = {}) {
  const {
    handler = "handler:count",
    prompt: text = ENDLESS.input.prompt,
    on_unwatched = { cancel_after: 10 },
  } = options;
  const client: PlainClient = await t.connect();
  const channel = t.channel();
  const { execution_id } = await client.execute(t.text(handler), { channel, ...prompt(text), on_unwatched });
  await client.recordsUntil(channel, ({ chunk }) => chunk?.type === "text-delta");
  return { client, channel, id: execution_id };
}

/** What is in a channel now. */
async function logOf(t: Trial, channel: string): Promise<readonly RecordFrame[]> {
  const reader = await t.connect();
  const marker = t.freshName();
  await reader.publish(channel, marker);
  await reader.subscribe(channel, { since: "start" });
  return (await reader.recordsUntil(channel, ({ data }) => data === marker)).slice(0, -1);
}

/** The terminal record of an execution that nobody followed. */
async function endOf(t: Trial, channel: string, executionId: string): Promise<RecordFrame | undefined> {
  const reader = await t.connect();
  await reader.subscribe(channel, { since: "start" });
  return (await reader.recordsUntilEnd(channel, executionId)).at(-1);
}

function checkUsage(end: RecordFrame | undefined): void {
  const { usage } = end ?? {};
  holds(
    typeof usage === "object" && usage !== null && !Array.isArray(usage),
    `usage of ${end?.type} is ${shown(usage)}`,
  );
  for (const value of Object.values(usage))
    isOneOf(typeof value, ["number", "string"], `the type of ${shown(value)} in usage`);
}
