/** Two nodes on one Redis: an answer is taken up and stopped on the node that does not make it. */
import { DefaultChatTransport, type UIMessage } from "ai";
import { expect, test } from "vitest";
import { within } from "../../gateway/websocket/testing/deadline.ts";
import { describeWithRedis } from "../../stores/redis/testing/describe-with-redis.ts";
import { redisTestBed } from "../../stores/redis/testing/redis-test-bed.ts";
import { startTestServer } from "../../testing/test-server.ts";
import { HeadlessChat } from "./testing/headless-chat.ts";
import { ScriptedHandler } from "./testing/scripted-handler.ts";

describeWithRedis("two nodes", () => {
  const bed = redisTestBed();

  test("the other one gives the answer, and stops it", async () => {
    const { url } = await bed.startServer();
    const script = new ScriptedHandler();
    const options = { database: { url }, executions: { chat: script.handler } };
    const [here, there] = [await startTestServer(options), await startTestServer(options)];
    const chatOn = (server: typeof here) => {
      const transport = new DefaultChatTransport<UIMessage>({ api: server.httpUrl("/api/chat") });
      return new HeadlessChat({ id: "nodes", transport });
    };
    const asking = chatOn(here);
    void asking.sendMessage({ text: "hi" });
    const run = await script.run(0);
    run.say("one ");
    await asking.until("text", ({ answer }) => answer === "one ");
    const elsewhere = chatOn(there);
    const resumed = elsewhere.resumeStream();
    await elsewhere.until("text", ({ answer }) => answer === "one ");
    const receipt = await there.post("/api/chat/nodes/stop", {});
    expect(receipt).toMatchObject({ status: 200, json: { status: "accepted", channel: "chat:nodes" } });
    await within("the model call to be aborted", run.aborted);
    await resumed;
    await asking.until("the end", ({ status }) => status === "ready");
    expect([asking.answer, elsewhere.answer]).toEqual(["one ", "one "]);
  });
});
