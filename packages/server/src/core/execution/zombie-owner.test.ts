/** An owner that was paused for longer than its lease, and does not know yet that another node has ended its execution. */
import { expect, test } from "vitest";
import { ClusterFixture } from "../testing/cluster-fixture.ts";

const CHAT = "chat:1";
/** A lease, the look after which it is found, and another look. */
const TAKEOVER_SECS = 26;

test("a cancel that it had taken is superseded: the execution has ended otherwise", async () => {
  const cluster = new ClusterFixture({
    handlers: {
      async *model({ signal }) {
        yield "begin ";
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      },
    },
  });
  await cluster.open();
  const { clock } = cluster;
  const [owner, other] = cluster.nodes;
  const client = await owner!.connect("alice");
  client.send({ type: "execute", id: "e", handler: "model", channel: CHAT, input: {} });
  await clock.settle();
  const executionId = client.transport.ofType("receipt")[0]!["execution_id"] as string;
  const watcher = await other!.connect("bob");
  watcher.send({ type: "subscribe", id: "s", channel: CHAT, since: "start" });

  // It is on its way when the process is paused.
  const letThrough = owner!.link.holdNext("append", () => true);
  client.send({ type: "cancel", id: "c", execution_id: executionId });
  await clock.settle();
  owner!.pause();
  for (let second = 0; second < TAKEOVER_SECS; second += 1) await clock.advance(1_000);
  expect(watcher.transport.ofType("execution_interrupted")).toMatchObject([{ execution_id: executionId }]);
  letThrough();
  await clock.settle();
  owner!.resume();
  for (let second = 0; second < TAKEOVER_SECS; second += 1) await clock.advance(1_000);

  const answers = client.transport.ofType("receipt").filter(({ ref }) => ref === "c");
  expect(answers.map(({ status }) => status)).toEqual(["accepted", "superseded"]);
  expect(watcher.transport.ofType("execution_cancelled")).toEqual([]);
});
