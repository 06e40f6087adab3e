import { setTimeout as sleep } from "node:timers/promises";
import type { Contender } from "../contender.ts";
import { AnswerReader } from "../generator/answer-reader.ts";
import { beginStreams } from "../generator/begin-streams.ts";
import { subscribeFromStartText } from "../generator/dialects/tachikoma.ts";
import { within } from "../generator/link.ts";
import { Tally } from "../generator/tally.ts";
import { joinAll, Viewer } from "../generator/viewer.ts";
import { MAX_MARK_INDEX } from "../mark.ts";
import { quantileOf, spreadOf } from "../statistics.ts";
import { wordText } from "../words.ts";
import { flowFaults, isTachikoma, type Outcome, timedFor, type Work } from "./work.ts";

export interface LateJoinerSize {
  readonly tokenCount: number;
  /** Other answers, live, with a viewer each. */
  readonly streamCount: number;
  readonly tokensPerSec: number;
  /** Of the others' latency, once without joiners and once with them. */
  readonly windowMs: number;
}

/** Slow enough that every token is a record of its own, which is the worst for who comes late. */
const FILL_TOKENS_PER_SEC = 1_900;
const FILL_PATIENCE_MS = 60_000;
const JOINERS_PER_SEC = 4;
const SETTLE_MS = 1_000;
const CHANNEL = "late:0";

/** A long answer is in the log. Clients come and read it from its start, one after the other, while others follow live answers. */
export function lateJoiner(size: LateJoinerSize): Work {
  const { tokenCount, streamCount, tokensPerSec } = size;
  return {
    name: "late-joiner",
    title:
      `Late joiner: an answer of ${tokenCount} tokens from its start, ${JOINERS_PER_SEC} joiners/s beside ` +
      `${streamCount} live answers at ${tokensPerSec} tokens/s`,
    mainFigure: "catchUpMs",
    settings: { historyRecords: MAX_MARK_INDEX },
    isFor: isTachikoma,
    run: (contender) => run(contender, size),
  };
}

async function run(contender: Contender, size: LateJoinerSize): Promise<Outcome> {
  const { tokenCount, streamCount, tokensPerSec, windowMs } = size;
  await fill(contender, tokenCount);
  const tally = new Tally();
  const others = Array.from(
    { length: streamCount },
    (_, at) => new Viewer({ id: `v${at}`, dialect: contender.makeDialect(), tally }),
  );
  try {
    await joinAll(others, contender.port);
    await beginStreams(others, { tokenCount: MAX_MARK_INDEX, tokensPerSec });
    await sleep(SETTLE_MS);
    const p99BeforeMs = await timedFor(tally, windowMs);
    const joining = joinRepeatedly(contender, windowMs, tokenCount);
    const p99DuringMs = await timedFor(tally, windowMs);
    const joins = await joining;
    const middle = (of: (join: Join) => number) => spreadOf(joins.map(of))?.median;
    const wrongCount = joins.filter(({ isWhole }) => !isWhole).length;
    const faults = flowFaults(tally, others);
    if (wrongCount > 0) faults.push(`${wrongCount} joiners have not read what the model said`);
    return {
      figures: {
        catchUpMs: middle(({ catchUpMs }) => catchUpMs),
        firstByteMs: middle(({ firstByteMs }) => firstByteMs),
        frameCount: quantileOf(
          joins.map(({ frameCount }) => frameCount),
          1,
        ),
        recordCount: joins[0]?.recordCount,
        latencyP99Ms: p99DuringMs,
        othersP99Ratio:
          p99BeforeMs === undefined || p99DuringMs === undefined ? undefined : p99DuringMs / p99BeforeMs,
      },
      faults,
    };
  } finally {
    for (const viewer of others) viewer.cut();
  }
}

/** Puts the answer into the log. */
async function fill(contender: Contender, tokenCount: number): Promise<void> {
  const reader = new AnswerReader();
  const dialect = contender.makeDialect();
  const writer = new Viewer({ id: "writer", dialect, tally: new Tally(), onText: reader.onText });
  await writer.join(contender.port);
  const tokens = { tokenCount, tokensPerSec: FILL_TOKENS_PER_SEC, text: "words" } as const;
  writer.send([dialect.runText(tokens, CHANNEL)]);
  const deadlineMs = FILL_PATIENCE_MS + (tokenCount * 1_000) / FILL_TOKENS_PER_SEC;
  await within("the end of the long answer", reader.ended, { deadlineMs });
  writer.cut();
}

interface Join {
  readonly firstByteMs: number;
  readonly catchUpMs: number;
  readonly frameCount: number;
  readonly recordCount: number;
  readonly isWhole: boolean;
}

async function joinRepeatedly(contender: Contender, forMs: number, tokenCount: number): Promise<Join[]> {
  const wanted = wordText(tokenCount);
  const joins: (() => Join)[] = [];
  const endMs = performance.now() + forMs;
  while (joins.length === 0 || performance.now() < endMs) {
    const nextAtMs = performance.now() + 1_000 / JOINERS_PER_SEC;
    joins.push(await join(contender, `j${joins.length}`, wanted));
    await sleep(Math.max(0, Math.min(nextAtMs, endMs) - performance.now()));
  }
  // Judged when nobody is timed any more.
  return joins.map((judge) => judge());
}

async function join(contender: Contender, id: string, wanted: string): Promise<() => Join> {
  const reader = new AnswerReader();
  const dialect = contender.makeDialect();
  const viewer = new Viewer({ id, dialect, tally: new Tally(), onText: reader.onText });
  await viewer.join(contender.port);
  const framesBefore = viewer.traffic.frameCount;
  const startMs = performance.now();
  viewer.send([subscribeFromStartText(CHANNEL)]);
  await within("the end of the answer", reader.ended);
  const { frameCount } = viewer.traffic;
  viewer.cut();
  return () => ({
    firstByteMs: reader.firstAtMs - startMs,
    catchUpMs: reader.endedAtMs - startMs,
    // Without the answer to the subscription itself.
    frameCount: frameCount - framesBefore - 1,
    recordCount: reader.recordCount,
    isWhole: reader.text === wanted,
  });
}
