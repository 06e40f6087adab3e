import type { Contender } from "../contender.ts";
import { channelName } from "../contenders/serve.ts";
import { type MessagePace, MessageSource } from "../generator/message-source.ts";
import { Tally } from "../generator/tally.ts";
import { joinAll, Viewer } from "../generator/viewer.ts";
import { flowFaults, measureFlow, type Outcome, settled, type Work } from "./work.ts";

/** `paced`: one at a time, too slow for anything to be batched. `bursts`: so many at once. `fast`: as many as the server takes. */
export type FanOutKind = "paced" | "bursts" | "fast";

export interface FanOutSize {
  readonly subscriberCount: number;
  /** Not of the fast one. */
  readonly messagesPerSec: number;
  readonly windowMs: number;
}

const MESSAGE_BYTES = 100;
const CHANNEL = channelName(0);
const BURST_COUNT = 10;
/** At full speed so many messages may be on their way to the average subscriber. */
const MAX_IN_FLIGHT = 64;
const QUIET_MS = 5_000;

/** One publisher, one channel, many subscribers. */
export function fanOut(kind: FanOutKind, size: FanOutSize): Work {
  const { subscriberCount, messagesPerSec } = size;
  const pace = {
    paced: `at ${messagesPerSec} messages/s`,
    bursts: `at ${messagesPerSec} messages/s in bursts of ${BURST_COUNT}`,
    fast: "at full speed",
  }[kind];
  return {
    name: `fan-out-${kind}`,
    title: `Fan-out: 1 channel, ${subscriberCount} subscribers, ${MESSAGE_BYTES}-byte messages ${pace}`,
    mainFigure: "cpuMicrosPerRecord",
    run: (contender) => run(contender, kind, size),
  };
}

function paceOf(
  kind: FanOutKind,
  { messagesPerSec, subscriberCount }: FanOutSize,
  tally: Tally,
): MessagePace {
  if (kind !== "fast")
    return { kind: "paced", messagesPerSec, burstCount: kind === "bursts" ? BURST_COUNT : 1 };
  const arrivedCount = () => Math.floor(tally.deliveredCount / subscriberCount);
  return { kind: "window", maxInFlight: MAX_IN_FLIGHT, arrivedCount };
}

async function run(contender: Contender, kind: FanOutKind, size: FanOutSize): Promise<Outcome> {
  const tally = new Tally();
  const subscribers = Array.from(
    { length: size.subscriberCount },
    (_, at) => new Viewer({ id: `s${at}`, channel: CHANNEL, dialect: contender.makeDialect(), tally }),
  );
  const publisher = new Viewer({ id: "publisher", dialect: contender.makeDialect(), tally: new Tally() });
  const source = new MessageSource({
    publisher,
    channel: CHANNEL,
    messageBytes: MESSAGE_BYTES,
    pace: paceOf(kind, size, tally),
  });
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
