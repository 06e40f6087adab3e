import { section } from "../case.ts";
import { positionOf } from "../clients/wire-message.ts";
import { equals, holds } from "../expectation.ts";

export const publishing = section("Publishing", (rule) => {
  rule("PUB-1", "publish appends one record, and its receipt has the position", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel);
    const receipt = await client.publish(channel, "one");
    const [frame] = await client.records(channel, 1);
    equals([frame?.type, frame?.position, frame?.data], ["message", receipt.position, "one"], "the record");
    equals(receipt.status, "applied", "status of the receipt");
  });

  rule(
    "PUB-1",
    "the same id again returns the first position, also after others have published",
    async (t) => {
      const [client, other] = [await t.connect(), await t.connect()];
      const channel = t.channel();
      const command = { type: "publish", id: t.freshName(), channel, data: 1 };
      const { position } = await client.ask(command);
      await other.publish(channel, "between");
      const again = await client.ask(command);
      equals([again.status, again.position], ["applied", position], "status and position");
    },
  );

  rule("PUB-2", "sender is the client that published, whatever the message says", async (t) => {
    const client = await t.connect({ clientId: t.freshName() });
    const reader = await t.connect();
    const channel = t.channel();
    await reader.subscribe(channel);
    await client.publish(channel, { sender: "data" }, { sender: "someone", client_id: "else" });
    const [frame] = await reader.records(channel, 1);
    equals(frame?.sender, client.clientId, "sender of the record");
  });

  rule(
    "PUB-2",
    "a record of the application has no sender of its own accord",
    { requires: ["custom:send"] },
    async (t) => {
      const client = await t.connect();
      const payload = { to: { session: client.welcome.connection_id }, data: 1 };
      await client.request({ type: "custom", action: t.text("custom:send"), payload }, "custom");
      const [frame] = await client.records(`~session:${client.sessionId}`, 1);
      holds(!("sender" in frame!), `the sender is ${frame?.sender}`);
    },
  );

  rule("PUB-3", "the sender gets its own record when it is subscribed, and once", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel);
    await client.publish(channel, 1);
    await client.publish(channel, 2);
    const frames = await client.recordsUntil(channel, ({ data }) => data === 2);
    equals(
      frames.map(({ data }) => data),
      [1, 2],
      "the records",
    );
  });

  rule("PUB-4", "publishing does not need a subscription, and makes none", async (t) => {
    const client = await t.connect();
    const [channel, marker] = [t.channel(), t.channel()];
    await client.publish(channel, 1);
    await client.subscribe(marker);
    await client.publish(marker, 1);
    await client.records(marker, 1);
    equals(client.unreadRecords(channel), [], "records of the channel");
    equals(
      (await client.ask({ type: "unsubscribe", channel })).code,
      "NOT_SUBSCRIBED",
      "the answer to unsubscribe",
    );
  });

  rule("PUB-4", "publishing needs the permission", { requires: ["namespace:forbidden"] }, async (t) => {
    const client = await t.connect();
    const channel = t.channel(t.text("namespace:forbidden"));
    const answer = await client.ask({ type: "publish", channel, data: 1 });
    equals(answer.error?.code ?? answer.code, "FORBIDDEN", "the code of the answer");
    await client.settle();
  });

  rule(
    "PUB-5",
    "data of max_record_bytes is taken, one byte more is RECORD_TOO_LARGE",
    { requires: ["namespace:small_records", "limit:max_record_bytes"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel(t.text("namespace:small_records"));
      const maxBytes = t.number("limit:max_record_bytes");
      // The quotes are part of its JSON.
      const full = "x".repeat(maxBytes - 2);
      await client.publish(channel, full);
      await client.publish(channel, `${"ü".repeat(Math.floor((maxBytes - 2) / 2))}`);
      for (const data of [`${full}x`, "ü".repeat(Math.floor(maxBytes / 2)), { a: full }]) {
        const answer = await client.ask({ type: "publish", channel, data });
        equals(answer.error?.code ?? answer.code, "RECORD_TOO_LARGE", "the code of the answer");
      }
      equals(positionOf((await client.publish(channel, 1)).position).seq, 3, "seq of the next record");
    },
  );

  rule(
    "PUB-6",
    "what one connection publishes takes its places in the order in which it was sent",
    async (t) => {
      const client = await t.connect();
      const channels = [t.channel(), t.channel()];
      for (const channel of channels) await client.subscribe(channel);
      const items = Array.from({ length: 100 }, (_, index) => index);
      await Promise.all(items.flatMap((data) => channels.map((channel) => client.publish(channel, data))));
      for (const channel of channels) {
        const frames = await client.records(channel, items.length);
        equals(
          frames.map(({ data }) => data),
          items,
          `the records of ${channel}`,
        );
      }
    },
  );
});
