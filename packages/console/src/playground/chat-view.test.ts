import type { Delivery } from "@tachikoma/client";
import { textOf } from "@tachikoma/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AnswerEntry,
  applyDeliveries,
  type ChatView,
  EMPTY_VIEW,
  recordsBetween,
  runningAnswers,
} from "./chat-view.ts";
import { conversationOf, MAX_CONVERSATION_MESSAGES } from "./conversation.ts";

const CHANNEL = "chat:1";

/** Deliveries as the log of one channel would make them: `at` numbers them. */
function script(
  ...steps: readonly ((place: { channel: string; position: string }) => Delivery)[]
): Delivery[] {
  return steps.map((step, index) => step({ channel: CHANNEL, position: at(index + 1) }));
}

function at(seq: number, epoch = "e1"): string {
  return `${epoch}.${seq}.t${seq}`;
}

type Step = (place: { channel: string; position: string }) => Delivery;

const says =
  (text: string): Step =>
  (place) => ({ type: "message", ...place, data: { role: "user", text } });
const starts =
  (executionId: string): Step =>
  (place) => ({ type: "started", ...place, executionId, handler: "chat" });
const writes =
  (executionId: string, delta: string): Step =>
  (place) => ({ type: "chunk", ...place, executionId, chunk: { type: "text-delta", id: "1", delta } });
const opens =
  (executionId: string): Step =>
  (place) => ({ type: "chunk", ...place, executionId, chunk: { type: "text-start", id: "1" } });
const ends =
  (executionId: string, outcome: "completed" | "failed" | "cancelled" | "interrupted" = "completed"): Step =>
  (place) => ({ type: "ended", ...place, executionId, outcome, usage: { outputTokens: 2 } });
const restarts =
  (executionId: string): Step =>
  (place) => ({ type: "restarted", ...place, executionId, attempt: 2 });
const resets: Step = (place) => ({ type: "reset", ...place, reason: "epoch_changed" });

function fold(...steps: readonly Step[]): ChatView {
  return applyDeliveries(EMPTY_VIEW, script(...steps));
}

function answer(view: ChatView, executionId: string): AnswerEntry {
  const found = view.entries.find((entry) => entry.kind === "answer" && entry.executionId === executionId);
  if (found?.kind !== "answer") throw new Error(`no answer ${executionId} in the view`);
  return found;
}

describe("a chat folded from its log", () => {
  test("a question and its answer", () => {
    const view = fold(
      says("hello"),
      starts("a"),
      opens("a"),
      writes("a", "Hi "),
      writes("a", "there"),
      ends("a"),
    );
    expect(view.entries.map((entry) => entry.kind)).toEqual(["user", "answer"]);
    expect(textOf(answer(view, "a").content)).toBe("Hi there");
    expect(answer(view, "a").outcome).toMatchObject({ state: "completed", usage: { outputTokens: 2 } });
    expect(runningAnswers(view)).toEqual([]);
  });

  test("an answer that starts over shows nothing of the first attempt", () => {
    const first = fold(says("hello"), starts("a"), opens("a"), writes("a", "Half of the fir"), restarts("a"));
    expect(answer(first, "a")).toMatchObject({ attempt: 2, handler: "chat", outcome: { state: "running" } });
    expect(answer(first, "a").content.parts).toEqual([]);
    const whole = fold(
      starts("a"),
      opens("a"),
      writes("a", "Half of the fir"),
      restarts("a"),
      opens("a"),
      writes("a", "The second"),
      ends("a"),
    );
    expect(textOf(answer(whole, "a").content)).toBe("The second");
    expect(answer(whole, "a").outcome).toMatchObject({ state: "completed" });
  });

  test("an answer without a terminal record is running", () => {
    const view = fold(says("hello"), starts("a"), opens("a"), writes("a", "Hi"));
    expect(runningAnswers(view).map((entry) => entry.executionId)).toEqual(["a"]);
  });

  test("several answers at once keep apart, in the order of their starts", () => {
    const view = fold(
      starts("a"),
      opens("a"),
      starts("b"),
      opens("b"),
      writes("a", "1"),
      writes("b", "2"),
      ends("b", "cancelled"),
      writes("a", "3"),
    );
    expect(view.entries.map((entry) => entry.key)).toEqual(["answer-a", "answer-b"]);
    expect(textOf(answer(view, "a").content)).toBe("13");
    expect(textOf(answer(view, "b").content)).toBe("2");
    expect(answer(view, "b").outcome.state).toBe("cancelled");
    expect(runningAnswers(view).map((entry) => entry.executionId)).toEqual(["a"]);
  });

  test("a reset empties the view and what follows builds it again", () => {
    const before = fold(says("old"), starts("a"));
    const after = applyDeliveries(before, [
      resets({ channel: CHANNEL, position: at(0, "e2") }),
      says("new")({ channel: CHANNEL, position: at(1, "e2") }),
    ]);
    expect(after.entries).toMatchObject([{ kind: "user", text: "new" }]);
    expect(after.resetCount).toBe(1);
    expect(runningAnswers(after)).toEqual([]);
  });

  test("what was seen already changes nothing but the count of duplicates", () => {
    const deliveries = script(says("hello"), starts("a"), opens("a"), writes("a", "Hi"));
    const once = applyDeliveries(EMPTY_VIEW, deliveries);
    const twice = applyDeliveries(once, deliveries);
    expect(twice.entries).toEqual(once.entries);
    expect(twice.recordCount).toBe(once.recordCount);
    expect(twice.duplicateCount).toBe(deliveries.length);
  });

  test("a merged delivery counts the records it covers", () => {
    const view = applyDeliveries(fold(starts("a"), opens("a")), [
      writes("a", "many words")({ channel: CHANNEL, position: at(9) }),
    ]);
    expect(view).toMatchObject({ recordCount: 9, deliveryCount: 3, mergedDeliveryCount: 1 });
  });

  test("an answer whose start is no longer retained is still shown", () => {
    const view = fold(opens("a"), writes("a", "tail"));
    expect(answer(view, "a")).toMatchObject({ handler: undefined, outcome: { state: "running" } });
  });

  test("records of other software are shown as they are", () => {
    const view = fold((place) => ({ type: "message", ...place, data: { alert: "disk <b>full</b>" } }));
    expect(view.entries).toMatchObject([{ kind: "foreign", text: '{\n  "alert": "disk <b>full</b>"\n}' }]);
  });

  test("an entry that did not change keeps its identity", () => {
    const before = fold(says("hello"), starts("a"), opens("a"));
    const after = applyDeliveries(before, [writes("a", "x")({ channel: CHANNEL, position: at(4) })]);
    expect(after.entries[0]).toBe(before.entries[0]);
    expect(after.entries[1]).not.toBe(before.entries[1]);
    expect(before.entries[1]).toMatchObject({ content: { parts: [{ type: "text", text: "" }] } });
  });

  const step = fc.oneof(
    fc.string({ maxLength: 5 }).map(says),
    fc.constantFrom(starts("a"), opens("a"), starts("b"), opens("b"), ends("a"), ends("b", "failed"), resets),
    fc.tuple(fc.constantFrom("a", "b"), fc.string({ maxLength: 3 })).map(([id, text]) => writes(id, text)),
  );

  test("how the records are batched makes no difference, and neither does a replay of the last batch", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 7 }), (steps, batchSize) => {
        const deliveries = script(...steps);
        const whole = applyDeliveries(EMPTY_VIEW, deliveries);
        let batched = EMPTY_VIEW;
        for (let start = 0; start < deliveries.length; start += batchSize) {
          batched = applyDeliveries(batched, deliveries.slice(start, start + batchSize));
        }
        expect(batched).toEqual(whole);
        const lastReset = deliveries.findLastIndex((delivery) => delivery.type === "reset");
        const replayed = applyDeliveries(batched, deliveries.slice(lastReset + 1));
        expect(replayed.entries).toEqual(whole.entries);
      }),
    );
  });
});

describe("recordsBetween", () => {
  test("counts within one log, and takes another log or an unreadable position as one", () => {
    expect(recordsBetween(at(3), at(10))).toBe(7);
    expect(recordsBetween(at(3), at(3))).toBe(0);
    expect(recordsBetween(at(9), at(1, "e2"))).toBe(1);
    expect(recordsBetween(undefined, at(5))).toBe(1);
    expect(recordsBetween("x", "x")).toBe(0);
  });
});

describe("conversationOf", () => {
  test("is what people and answers said, in order, without empty answers", () => {
    const view = fold(
      says("one"),
      starts("a"),
      opens("a"),
      writes("a", "A"),
      ends("a", "cancelled"),
      says("two"),
      starts("b"),
      ends("b", "failed"),
      says("three"),
    );
    expect(conversationOf(view.entries)).toEqual([
      { role: "user", content: "one" },
      { role: "assistant", content: "A" },
      { role: "user", content: "two" },
      { role: "user", content: "three" },
    ]);
  });

  test("is bounded and keeps the newest", () => {
    const view = fold(
      ...Array.from({ length: MAX_CONVERSATION_MESSAGES + 5 }, (_, index) => says(`m${index}`)),
    );
    const messages = conversationOf(view.entries);
    expect(messages).toHaveLength(MAX_CONVERSATION_MESSAGES);
    expect(messages.at(-1)?.content).toBe(`m${MAX_CONVERSATION_MESSAGES + 4}`);
  });
});
