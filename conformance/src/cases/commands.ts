import { section } from "../case.ts";
import { seqOf } from "../clients/wire-message.ts";
import { equals, holds, isOneOf } from "../expectation.ts";

const STATUSES = ["accepted", "applied", "rejected", "superseded"];

export const commands = section("Commands", (rule) => {
  rule("CMD-1", "the same id again has no second effect, and the same answer", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel);
    const command = { type: "publish", id: t.freshName(), channel, data: "first" };
    const first = await client.ask(command);
    for (const data of ["first", "another"])
      equals(await client.ask({ ...command, data }), first, "the receipt");
    await client.publish(channel, "end");
    const frames = await client.recordsUntil(channel, ({ data }) => data === "end");
    equals(
      frames.map(({ data }) => data),
      ["first", "end"],
      "the records",
    );
  });

  rule("CMD-1", "the same id at once, many times, is carried out once", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    const command = { type: "publish", id: "once", channel, data: 1 };
    for (let count = 0; count < 10; count += 1) client.send(command);
    const receipts = [];
    for (let count = 0; count < 10; count += 1) receipts.push(await client.answerTo("once"));
    equals(new Set(receipts.map(({ position }) => position)).size, 1, "the number of positions");
    equals(seqOf(receipts[0]), 1, "seq of the record");
    equals(seqOf(await client.publish(channel, "end")), 2, "seq of the next record");
  });

  rule("CMD-1", "the same id on another connection of the client is the same command", async (t) => {
    const clientId = t.freshName();
    const channel = t.channel();
    const command = { type: "publish", id: t.freshName(), channel, data: 1 };
    const first = await (await t.connect({ clientId })).ask(command);
    equals((await (await t.connect({ clientId })).ask(command)).position, first.position, "the position");
  });

  rule("CMD-1", "the same id of another client is another command", async (t) => {
    const channel = t.channel();
    const command = { type: "publish", id: "same", channel, data: 1 };
    const receipts = [await (await t.connect()).ask(command), await (await t.connect()).ask(command)];
    equals(receipts.map(seqOf), [1, 2], "the seqs");
  });

  rule("CMD-2", "a command whose receipt was lost with its connection can be sent again", async (t) => {
    const client = await t.connect({ clientId: t.freshName() });
    const channel = t.channel();
    await client.subscribe(channel);
    const command = { type: "publish", id: t.freshName(), channel, data: "once" };
    client.send(command);
    client.webSocket.terminate();
    await client.closed;
    const back = await t.connect({ sessionId: client.sessionId });
    const receipt = await back.ask(command);
    equals(receipt.status, "applied", "status of the receipt");
    await back.publish(channel, "end");
    const frames = await back.recordsUntil(channel, ({ data }) => data === "end");
    equals(
      frames.map(({ data }) => data),
      ["once", "end"],
      "the records",
    );
  });

  rule("CMD-3", "a receipt has one of four statuses, and a publish one that is final", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    equals((await client.publish(channel, 1)).status, "applied", "status of a publish");
    await client.ask({ type: "cancel", execution_id: t.freshName() });
    await client.ask({ type: "execute", handler: t.freshName(), input: 1 });
    const receipts = client.received.filter(({ type }) => type === "receipt");
    for (const { status } of receipts) isOneOf(status, STATUSES, "status of a receipt");
  });

  rule("CMD-4", "rejected comes with an error of code and message", async (t) => {
    const client = await t.connect();
    const receipt = await client.ask({ type: "execute", handler: t.freshName(), input: {} });
    equals([receipt.type, receipt.status], ["receipt", "rejected"], "type and status");
    equals(typeof receipt.error?.code, "string", "type of the code");
    equals(typeof receipt.error?.message, "string", "type of the message");
    equals((await client.publish(t.channel(), 1)).error, undefined, "the error of a receipt that is applied");
  });

  rule(
    "CMD-5",
    "a command that is not allowed is answered, and not stored",
    { requires: ["namespace:forbidden"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel(t.text("namespace:forbidden"));
      const answer = await client.ask({ type: "publish", channel, data: 1 });
      equals(answer.error?.code ?? answer.code, "FORBIDDEN", "the code");
      holds(answer.type === "error" || answer.status === "rejected", "the answer is an error or a rejection");
    },
  );

  rule(
    "CMD-6",
    "a later status is another receipt, to the connection that asked only",
    { requires: ["handler:count"] },
    async (t) => {
      const [client, other] = [await t.connect(), await t.connect()];
      const channel = t.channel();
      await other.subscribe(channel);
      const { execution_id } = await client.execute(t.text("handler:count"), {
        channel,
        input: { prompt: "10000 20" },
      });
      client.send({ type: "cancel", id: "stop", execution_id });
      equals((await client.answerTo("stop")).status, "accepted", "the first status");
      const later = await client.answerTo("stop");
      equals([later.type, later.status], ["receipt", "applied"], "type and status of the later one");
      await other.recordsUntilEnd(channel);
      equals(other.unread("receipt"), [], "receipts of the other connection");
    },
  );
});
