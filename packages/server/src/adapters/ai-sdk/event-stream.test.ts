/** What only a failover brings: frames by hand, under the SDK's own client. */
import { DefaultChatTransport, type UIMessage } from "ai";
import { expect, test } from "vitest";
import type { ChannelFrame, ChannelReader } from "../../core/requests/channel-reader.ts";
import { Answer, type Turn } from "./answer.ts";
import { EVENT_STREAM_HEADERS, eventStream } from "./event-stream.ts";
import { HeadlessChat } from "./testing/headless-chat.ts";

const CHANNEL = "chat:1";
const at = (seq: number) => ({ channel: CHANNEL, position: `epoch.${seq}.tag` });
const of = (executionId: string, seq: number) => ({ ...at(seq), executionId });

function chunks(from: number, ...texts: readonly string[]): ChannelFrame[] {
  return [
    { type: "chunk", ...of("x1", from), chunk: { type: "start", messageId: "x1" } },
    { type: "chunk", ...of("x1", from + 1), chunk: { type: "text-start", id: "t" } },
    ...texts.map((delta, index): ChannelFrame => {
      return { type: "chunk", ...of("x1", from + 2 + index), chunk: { type: "text-delta", id: "t", delta } };
    }),
  ];
}

const started: ChannelFrame = { type: "execution_started", ...of("x1", 1), handler: "chat" };
const restarted = (seq: number): ChannelFrame => ({
  type: "execution_restarted",
  ...of("x1", seq),
  attempt: 2,
});
const completed = (seq: number): ChannelFrame => ({
  type: "execution_completed",
  ...of("x1", seq),
  usage: {},
});
const step = (seq: number): ChannelFrame => ({
  type: "chunk",
  ...of("x1", seq),
  chunk: { type: "start-step" },
});

function answerOf(frames: readonly ChannelFrame[], lastSeq?: number, turns: readonly Turn[] = []): Answer {
  const reading = (async function* () {
    yield* frames;
  })();
  const reader = Object.assign(reading, { close: () => undefined }) as unknown as ChannelReader;
  return new Answer({ executionId: "x1", channel: CHANNEL, reader, isContinuation: false, lastSeq, turns });
}

/** The SDK's client on what is streamed. A failure after the head is what a cut connection is to a browser. */
async function chatWith(frames: readonly ChannelFrame[], lastSeq?: number, turns?: readonly Turn[]) {
  const ends: boolean[] = [];
  const fetch = async () => {
    const events = eventStream(answerOf(frames, lastSeq, turns), new AbortController().signal, (isGiven) =>
      ends.push(isGiven),
    );
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          const { done, value } = await events.next();
          if (done === true) controller.close();
          else controller.enqueue(new TextEncoder().encode(value));
        } catch {
          controller.error(new TypeError("network error"));
        }
      },
    });
    return new Response(body, { headers: EVENT_STREAM_HEADERS });
  };
  const chat = new HeadlessChat({ id: "1", transport: new DefaultChatTransport<UIMessage>({ fetch }) });
  await chat.sendMessage({ text: "hi" });
  return { chat, ends };
}

test("an execution that is run anew while one step was streamed is taken back: no text stands twice", async () => {
  const frames = [started, ...chunks(2, "old ", "text"), restarted(6), ...chunks(7, "new"), completed(10)];
  const { chat, ends } = await chatWith(frames);
  expect([chat.status, chat.answer, chat.messages.length]).toEqual(["ready", "new", 2]);
  expect(ends).toEqual([true]);
});

test("where it cannot be taken back the stream is cut: never a spliced answer, never one that looks complete", async () => {
  const frames = [started, ...chunks(2, "old "), step(5), restarted(6), ...chunks(7, "new"), completed(10)];
  const { chat, ends } = await chatWith(frames);
  expect([chat.status, chat.answer]).toEqual(["error", "old "]);
  expect(chat.finishes[0]).toMatchObject({ isDisconnect: true, isError: true });
  expect(ends).toEqual([false]);
});

test("taken up again it begins with the attempt that counts, also where a message has several turns", async () => {
  const turns = [
    { executionId: "x0", afterSeq: 0 },
    { executionId: "x1", afterSeq: 9 },
  ];
  const first: ChannelFrame[] = [
    { type: "execution_started", ...of("x0", 1), handler: "chat" },
    { type: "chunk", ...of("x0", 2), chunk: { type: "start", messageId: "m" } },
    { type: "chunk", ...of("x0", 3), chunk: { type: "custom", kind: "a.b" } },
    { type: "execution_completed", ...of("x0", 4), usage: {} },
  ];
  const second = [
    { ...started, ...at(5) },
    ...chunks(6, "old "),
    step(9),
    restarted(10),
    ...chunks(11, "new"),
    completed(14),
  ];
  const { chat } = await chatWith([...first, ...second], undefined, turns);
  expect([chat.status, chat.answer, chat.lastMessage?.id]).toEqual(["ready", "new", "m"]);
  expect(chat.lastMessage?.parts.map(({ type }) => type)).toEqual(["custom", "text"]);
});

test("a log that was reset in the middle cuts the stream, too", async () => {
  const frames: ChannelFrame[] = [
    started,
    ...chunks(2, "old "),
    { type: "reset", ...at(0), reason: "epoch_changed" },
  ];
  const { chat } = await chatWith([...frames, ...chunks(2, "new"), completed(6)]);
  expect([chat.status, chat.answer]).toEqual(["error", "old "]);
});

test("resumable-stream #47: a reader that ends before the answer does is no end of the answer, and nobody hangs", async () => {
  const { chat, ends } = await chatWith([started, ...chunks(2, "one ")]);
  expect([chat.status, chat.answer, ends]).toEqual(["error", "one ", [false]]);
});

test("what is not retained any more is an error, and no endless wait", async () => {
  for (const [frames, lastSeq] of [
    [[], 0],
    [[{ type: "message", ...at(4), data: 1 } satisfies ChannelFrame], 4],
    [chunks(3, "rest"), undefined],
  ] as const) {
    const { chat } = await chatWith(frames, lastSeq);
    expect([chat.status, chat.error?.message]).toEqual([
      "error",
      "The beginning of the answer is not retained any more",
    ]);
  }
});

test("records of others in the channel are not of this answer", async () => {
  const other: ChannelFrame = {
    type: "chunk",
    ...of("x2", 5),
    chunk: { type: "text-delta", id: "t", delta: "NO" },
  };
  const end: ChannelFrame = { type: "execution_completed", ...of("x2", 6), usage: {} };
  const { chat } = await chatWith([started, ...chunks(2, "mine"), other, end, completed(7)]);
  expect([chat.status, chat.answer]).toEqual(["ready", "mine"]);
});
