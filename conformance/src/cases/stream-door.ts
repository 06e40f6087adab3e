import { section } from "../case.ts";
import { isTerminal, textOf } from "../clients/wire-message.ts";
import { equals, holds, isOneOf } from "../expectation.ts";

export const streamDoor = section("One execution: /ws/stream", (rule) => {
  rule("STR-1", "it begins with welcome, and takes the same query", async (t) => {
    const clientId = t.freshName();
    const client = await t.connect({ isStream: true, clientId });
    equals([client.clientId, client.welcome.resumed], [clientId, false], "client_id and resumed");
    equals(client.welcome.subscriptions?.length, 3, "the number of inboxes");
  });

  rule("STR-1", "it refuses in the same way", { requires: ["auth"] }, async (t) => {
    for (const [options, status] of [
      [{ token: null }, 401],
      [{ token: "wrong" }, 401],
      [{ query: "client_id=a%20b" }, 400],
    ] as const) {
      equals((await t.refusal({ isStream: true, ...options })).status, status, "the status");
    }
  });

  rule("STR-2", "what is not for one execution is refused", async (t) => {
    const client = await t.connect({ isStream: true });
    const channel = t.channel();
    const requests = [
      { type: "subscribe", channel },
      { type: "unsubscribe", channel },
      { type: "publish", channel, data: 1 },
      { type: "presence", channel, state: 1 },
      { type: "custom", action: "x" },
    ];
    for (const request of requests) {
      const answer = await client.ask(request);
      equals([answer.type, answer.code], ["error", "INVALID_MESSAGE"], `the answer to ${request.type}`);
    }
    client.send({ type: "signal", channel, data: 1 });
    equals((await client.expect("error")).code, "INVALID_MESSAGE", "the answer to signal");
  });

  rule("STR-2", "a second execute is refused", { requires: ["handler:count"] }, async (t) => {
    const client = await t.connect({ isStream: true });
    const handler = t.text("handler:count");
    const { channel } = await client.execute(handler, { input: { prompt: "30 10" } });
    const answer = await client.ask({ type: "execute", handler, input: { prompt: "1 0" } });
    equals([answer.type, answer.code], ["error", "INVALID_MESSAGE"], "the answer");
    equals(
      (await client.recordsUntilEnd(channel!)).at(-1)?.type,
      "execution_completed",
      "how the first one ended",
    );
  });

  rule("STR-2", "ping, cancel and input are taken", { requires: ["handler:count"] }, async (t) => {
    const client = await t.connect({ isStream: true });
    const { execution_id, channel } = await client.execute(t.text("handler:count"), {
      input: { prompt: "100000 20" },
    });
    await client.recordsUntil(channel!, ({ type }) => type === "chunk");
    await client.settle();
    const input = await client.ask({ type: "input", execution_id, data: 1 });
    equals(input.status, "accepted", "status of the input");
    client.send({ type: "cancel", id: "stop", execution_id });
    equals((await client.answerTo("stop")).status, "accepted", "status of the cancel");
    equals((await client.recordsUntilEnd(channel!)).at(-1)?.type, "execution_cancelled", "how it ended");
  });

  for (const [handler, end] of [
    ["handler:echo", "execution_completed"],
    ["handler:fail", "execution_failed"],
  ] as const) {
    rule(
      "STR-3",
      `the records follow, and after ${end} comes a close with 1000`,
      { requires: [handler] },
      async (t) => {
        const client = await t.connect({ isStream: true });
        const { execution_id, channel } = await client.execute(t.text(handler), {
          input: { prompt: "three small words" },
        });
        const frames = await client.recordsUntilEnd(channel!);
        await client.expectClose(1000);
        equals(
          [frames[0]?.type, frames.at(-1)?.type],
          ["execution_started", end],
          "the first and the last record",
        );
        if (end === "execution_completed")
          equals(textOf(frames, execution_id), "three small words", "the text");
        holds(
          isTerminal(client.received.findLast(({ channel: of }) => of === channel)!),
          "nothing follows the end",
        );
      },
    );
  }

  rule(
    "STR-4",
    "who lost the connection comes back with the session and gets the rest",
    { requires: ["handler:count"] },
    async (t) => {
      const client = await t.connect({ isStream: true });
      const { execution_id, channel } = await client.execute(t.text("handler:count"), {
        input: { prompt: "60 10" },
      });
      await client.recordsUntil(channel!, ({ chunk }) => chunk?.type === "text-delta");
      await client.drop();
      const back = await t.connect({ isStream: true, sessionId: client.sessionId });
      equals(back.welcome.resumed, true, "resumed");
      const rest = await back.recordsUntilEnd(channel!, execution_id);
      holds(textOf(rest, execution_id).endsWith("59 60 "), "the text goes on to its end");
      await back.expectClose(1000);
    },
  );

  rule(
    "STR-4",
    "who comes back after the end gets the rest too",
    { requires: ["handler:echo"] },
    async (t) => {
      const client = await t.connect({ isStream: true, answersPings: false });
      client.send({
        type: "execute",
        id: "e",
        handler: t.text("handler:echo"),
        input: { prompt: "all of it" },
      });
      const { execution_id = "", channel } = await client.answerTo("e");
      await client.drop();
      await t.elapse(1_000, "it ends meanwhile");
      const back = await t.connect({ isStream: true, sessionId: client.sessionId });
      equals(
        textOf(await back.recordsUntilEnd(channel!, execution_id), execution_id),
        "all of it",
        "the text",
      );
      await back.expectClose(1000);
    },
  );

  rule("STR-4", "positions=client has no meaning", { requires: ["handler:count"] }, async (t) => {
    const client = await t.connect({ isStream: true });
    const { channel } = await client.execute(t.text("handler:count"), { input: { prompt: "30 10" } });
    await client.recordsUntil(channel!, ({ type }) => type === "chunk");
    await client.drop();
    const back = await t.connect({ isStream: true, sessionId: client.sessionId, arePositionsOwn: true });
    equals((await back.recordsUntilEnd(channel!)).at(-1)?.type, "execution_completed", "how it ended");
    await back.expectClose(1000);
  });

  rule("STR-5", "without a terminal record it is not closed with 1000", async (t) => {
    const client = await t.connect({ isStream: true });
    const receipt = await client.ask({ type: "execute", handler: t.freshName(), input: 1 });
    equals([receipt.status, receipt.error?.code], ["rejected", "UNKNOWN_HANDLER"], "status and code");
    await client.settle();
    const closing = await Promise.race([client.closed, t.elapse(500, "a close might come")]);
    isOneOf(closing?.code, [undefined, 1001, 1011, 4011], "the close code");
  });
});
