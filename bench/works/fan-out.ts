import type { Contender } from "../contender.ts";
import { channelName } from "../contenders/serve.ts";
import { Tally } from "../generator/tally.ts";
import { joinAll, Viewer } from "../generator/viewer.ts";
import { timedMark } from "../mark.ts";
import { flowFaults, measureFlow, type Outcome, settled, type Work } from "./work.ts";

export interface FanOutSize {
  readonly subscriberCount: number;
  /** Messages per second; `undefined` for as many as the server takes. */
  readonly messagesPerSec: number | undefined;
  readonly windowMs: number;
}

/** Of the message as JSON. */
const MESSAGE_BYTES = 100;
const PAD_CHARS = MESSAGE_BYTES - '{"text":""}'.length;
const CHANNEL = channelName(0);
/** At full speed so many messages may be on their way to the average subscriber. */
const MAX_IN_FLIGHT = 64;
const QUIET_MS = 5_000;

/** One publisher, one channel, many subscribers. The publisher is a client: its messages come over a socket like any other. */
export function fanOut(size: FanOutSize): Work {
  const { subscriberCount, messagesPerSec } = size;
  const pace = messagesPerSec === undefined ? "at full speed" : `at ${messagesPerSec} messages/s`;
  return {
    name: messagesPerSec === undefined ? "fan-out-fast" : "fan-out-paced",
    title: `Fan-out: 1 channel, ${subscriberCount} subscribers, ${MESSAGE_BYTES}-byte messages ${pace}`,
    mainFigure: "cpuMicrosPerRecord",
    run: (contender) => run(contender, size),
  };
}

async function run(contender: Contender, size: FanOutSize): Promise<Outcome> {
  const tally = new Tally();
  const subscribers = Array.from(
    { length: size.subscriberCount },
    (_, at) => new Viewer({ id: `s${at}`, channel: CHANNEL, dialect: contender.makeDialect(), tally }),
  );
  const publisher = new Viewer({ id: "publisher", dialect: contender.makeDialect(), tally: new Tally() });
  const source = new MessageSource(publisher, tally, size);
  try {
    await joinAll(subscribers, contender.port, () => source.onRead());
    await publisher.join(contender.port);
    source.begin();
    const figures = await measureFlow(contender, tally, size.windowMs);
    source.end();
    const isComplete = await settled(tally, QUIET_MS, () =>
      subscribers.every(({ track }) => track.nextIndex === source.publishedCount),
    );
    const faults = flowFaults(tally, [...subscribers, publisher]);
    if (!isComplete) faults.push("not every subscriber has every message");
    return { figures, faults };
  } finally {
    source.end();
    for (const viewer of [...subscribers, publisher]) viewer.cut();
  }
}

class MessageSource {
  publishedCount = 0;
  readonly #publisher: Viewer;
  readonly #tally: Tally;
  readonly #size: FanOutSize;
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;

  constructor(publisher: Viewer, tally: Tally, size: FanOutSize) {
    this.#publisher = publisher;
    this.#tally = tally;
    this.#size = size;
  }

  begin(): void {
    this.#isRunning = true;
    const { messagesPerSec } = this.#size;
    if (messagesPerSec === undefined) return this.onRead();
    const startMs = performance.now();
    this.#timer = setInterval(() => {
      const dueCount = Math.floor(((performance.now() - startMs) / 1_000) * messagesPerSec);
      this.#publish(dueCount - this.publishedCount);
    }, 1);
  }

  /** At full speed: what has arrived makes room for more, so the server is never flooded and never idle. */
  onRead(): void {
    const { messagesPerSec, subscriberCount } = this.#size;
    if (!this.#isRunning || messagesPerSec !== undefined) return;
    const arrivedCount = Math.floor(this.#tally.deliveredCount / subscriberCount);
    this.#publish(arrivedCount + MAX_IN_FLIGHT - this.publishedCount);
  }

  end(): void {
    this.#isRunning = false;
    clearInterval(this.#timer);
  }

  #publish(count: number): void {
    if (count <= 0) return;
    const texts = Array.from({ length: count }, (_, at) =>
      this.#publisher.dialect.publishText(
        CHANNEL,
        timedMark(this.publishedCount + at).padEnd(PAD_CHARS, "x"),
      ),
    );
    this.publishedCount += count;
    this.#publisher.send(texts);
  }
}
