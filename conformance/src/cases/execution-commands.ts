import { section } from "../case.ts";
import { equals, isOneOf } from "../expectation.ts";
import { prompt, running } from "./running.ts";

export const executionCommands = section("Executions", (rule) => {
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
});
