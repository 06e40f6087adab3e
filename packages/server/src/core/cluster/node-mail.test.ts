import { expect, test } from "vitest";
import { createMemoryStore } from "../../stores/memory/memory-store.ts";
import type { LogKey, Store } from "../../stores/store.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { HEAD_CHECK_INTERVAL_MS } from "./log-follower.ts";
import { NodeMail } from "./node-mail.ts";
import type { NodeMessage } from "./node-message.ts";

const letter: NodeMessage = { kind: "session_taken", tenant: "t", sessionId: "s", claimNumber: 2 };

function fixture(refusedFollowCount: number) {
  const clock = new FakeClock();
  const memory = createMemoryStore({ random: seededRandom(1) });
  const followed: LogKey[] = [];
  let askedCount = 0;
  const follow = async (key: LogKey): Promise<void> => {
    askedCount += 1;
    if (askedCount <= refusedFollowCount) throw new Error("not now");
    followed.push(key);
  };
  const store = new Proxy<Store>(memory, {
    get(target, name: keyof Store) {
      if (name === "follow") return follow;
      const member = target[name];
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  const received: NodeMessage[] = [];
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (_fields: object, message: string) => warnings.push(message),
  };
  const mail = new NodeMail({
    store,
    clock,
    logger,
    nodeId: "n1",
    onMessage: (message) => received.push(message),
  });
  return { clock, followed, mail, received, warnings };
}

test("a node that could not follow its letters asks again at each look, until it does", async () => {
  const { clock, followed, mail, warnings } = fixture(2);
  await mail.open();
  await clock.settle();
  expect(followed).toEqual([]);
  for (let look = 0; look < 4; look += 1) await clock.advance(HEAD_CHECK_INTERVAL_MS);
  expect(followed).toEqual([{ tenant: "~", channel: "~node:n1" }]);
  expect(warnings).toEqual(["Node cannot hear of letters yet", "Node cannot hear of letters yet"]);
  await mail.close();
});

test("a letter arrives without any hint, at the next look, and once", async () => {
  const { clock, mail, received } = fixture(100);
  await mail.open();
  await mail.send("n1", letter);
  for (let look = 0; look < 3; look += 1) await clock.advance(HEAD_CHECK_INTERVAL_MS);
  expect(received).toEqual([letter]);
  await mail.close();
});
