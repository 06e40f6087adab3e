import { section } from "../case.ts";
import { isTerminal, type RecordFrame, seqOf, textOf } from "../clients/wire-message.ts";
import { equals, holds, isOneOf, shown } from "../expectation.ts";
import type { Trial } from "../trial.ts";
import { countedTo, countTo } from "./delivery.ts";
import { ENDLESS, prompt, running } from "./running.ts";
import { listedAs } from "./welcome.ts";

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
