import { section } from "../case.ts";
import { equals, shown } from "../expectation.ts";

export const application = section("Custom messages and credentials", (rule) => {
  rule(
    "APP-1",
    "custom is answered with a custom of the same action",
    { requires: ["custom:echo"] },
    async (t) => {
      const client = await t.connect();
      const action = t.text("custom:echo");
      for (const payload of [{ camelCase: 1, snake_case: [null] }, "text", null, 0]) {
        const answer = await client.request({ type: "custom", action, payload }, "custom");
        equals([answer.action, answer["payload"]], [action, payload], "action and payload");
      }
    },
  );

  rule(
    "APP-1",
    "where the application takes none the answer is NOT_FOUND",
    { requires: ["custom:none"] },
    async (t) => {
      const client = await t.connect();
      const answer = await client.ask({ type: "custom", action: "anything", payload: 1 });
      equals([answer.type, answer.code], ["error", "NOT_FOUND"], "the answer");
      await client.settle();
    },
  );

  rule(
    "APP-2",
    "auth with a good token is answered with authenticated",
    { requires: ["auth"] },
    async (t) => {
      const client = await t.connect();
      await client.request({ type: "auth", token: t.target.token }, "authenticated");
      await client.publish(t.channel(), 1);
    },
  );

  rule(
    "APP-2",
    "auth with a bad token: UNAUTHORIZED, and the connection is closed with 4401",
    { requires: ["auth"] },
    async (t) => {
      const client = await t.connect();
      const answer = await client.ask({ type: "auth", token: "wrong" });
      equals([answer.type, answer.code], ["error", "UNAUTHORIZED"], "the answer");
      await client.expectClose(4401);
    },
  );

  rule(
    "APP-2",
    "auth with a token of another subject: UNAUTHORIZED and 4401",
    { requires: ["token:alice", "token:bob"] },
    async (t) => {
      const client = await t.connect({ token: t.text("token:alice") });
      const answer = await client.ask({ type: "auth", token: t.text("token:bob") });
      equals([answer.type, answer.code], ["error", "UNAUTHORIZED"], "the answer");
      await client.expectClose(4401);
    },
  );

  rule(
    "APP-2",
    "what is sent after auth is judged by it",
    { requires: ["token:alice", "token:alice_limited", "namespace:private"] },
    async (t) => {
      const client = await t.connect({
        token: t.text("token:alice_limited"),
        clientId: `alice:${t.freshName()}`,
      });
      const channel = t.channel(t.text("namespace:private"));
      equals(
        (await client.ask({ type: "publish", channel, data: 1 })).code,
        "FORBIDDEN",
        "the answer before",
      );
      client.send({ type: "auth", id: "a", token: t.text("token:alice") });
      client.send({ type: "publish", id: "p", channel, data: 1 });
      client.send({ type: "auth", id: "b", token: t.text("token:alice_limited") });
      client.send({ type: "publish", id: "q", channel, data: 1 });
      equals((await client.answerTo("p")).status, "applied", "the answer to what was sent in between");
      const after = await client.answerTo("q");
      equals(after.code ?? after.error?.code, "FORBIDDEN", `the answer after it, ${shown(after)}`);
    },
  );

  rule(
    "APP-3",
    "a connection whose credential has expired is closed with 4001",
    { requires: ["token:expiring"] },
    async (t) => {
      const client = await t.connect({ token: expiringToken(t.text("token:expiring"), 700) });
      await client.subscribe(t.channel());
      await client.expectClose(4001);
    },
  );

  rule("APP-3", "a fresh credential keeps it open", { requires: ["token:expiring"] }, async (t) => {
    const form = t.text("token:expiring");
    const client = await t.connect({ token: expiringToken(form, 700) });
    await client.request({ type: "auth", token: expiringToken(form, 60_000) }, "authenticated");
    await t.elapse(1_000, "the first credential expires");
    await client.settle();
  });
});

function expiringToken(form: string, inMs: number): string {
  return form.replace("{expires_at_ms}", String(Date.now() + inMs));
}
