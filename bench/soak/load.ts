/** The steady mixed load of a soak: visitors, resumers, slow readers. All of them check what they get. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Contender } from "../contender.ts";
import { channelName } from "../contenders/serve.ts";
import { MessageSource } from "../generator/message-source.ts";
import { Tally } from "../generator/tally.ts";
import { joinAll, Viewer } from "../generator/viewer.ts";
import { flowFaults, settled } from "../works/work.ts";

export interface LoadSize {
  /** At the same time; each comes, runs one execution, reads it to its end and goes. */
  readonly visitorCount: number;
  /** Follow a channel, and are cut and come back every few seconds. */
  readonly resumerCount: number;
  /** Follow a channel that carries much, and stop reading for a while again and again. */
  readonly slowCount: number;
}

const VISIT = { tokenCount: 150, tokensPerSec: 30 };
const VISIT_PATIENCE_MS = 30_000;
const LIVE = { channel: channelName(1), messageBytes: 200, messagesPerSec: 20 };
const BULK = { channel: channelName(2), messageBytes: 8_192, messagesPerSec: 60 };
const ONLINE_MS = { least: 2_000, most: 6_000 };
const AWAY_MS = { least: 100, most: 1_500 };
/** Shorter than a pong may take. */
const SLOW_MS = 8_000;
const READS_MS = 4_000;
const LOOK_MS = 50;
const QUIET_MS = 10_000;

export class MixedLoad {
  readonly tally = new Tally();
  readonly faults: string[] = [];
  visitCount = 0;
  resumeCount = 0;
  pauseCount = 0;
  readonly #contender: Contender;
  readonly #size: LoadSize;
  readonly #resumers: Viewer[];
  readonly #slow: Viewer[];
  readonly #publishers: Viewer[];
  readonly #sources: MessageSource[];
  #isOver = false;
  #actors: Promise<unknown>[] = [];

  constructor(contender: Contender, size: LoadSize) {
    const { tally } = this;
    const viewer = (id: string, channel?: string) =>
      new Viewer({
        id,
        dialect: contender.makeDialect(),
        tally,
        ...(channel === undefined ? {} : { channel }),
      });
    this.#contender = contender;
    this.#size = size;
    this.#resumers = Array.from({ length: size.resumerCount }, (_, at) => viewer(`r${at}`, LIVE.channel));
    this.#slow = Array.from({ length: size.slowCount }, (_, at) => viewer(`s${at}`, BULK.channel));
    this.#publishers = [viewer("live"), viewer("bulk")];
    this.#sources = [LIVE, BULK].map(
      ({ channel, messageBytes, messagesPerSec }, at) =>
        new MessageSource({
          publisher: this.#publishers[at]!,
          channel,
          messageBytes,
          pace: { kind: "paced", messagesPerSec, burstCount: 1 },
        }),
    );
  }

  async begin(): Promise<void> {
    const { port } = this.#contender;
    await joinAll([...this.#resumers, ...this.#slow, ...this.#publishers], port);
    for (const source of this.#sources) source.begin();
    this.#actors = [
      ...this.#resumers.map((viewer) => this.#comeAndGo(viewer)),
      ...this.#slow.map((viewer, at) => this.#readNowAndThen(viewer, at)),
      ...Array.from({ length: this.#size.visitorCount }, (_, at) => this.#visitAgainAndAgain(at)),
    ].map((acting) => acting.catch((cause: unknown) => this.faults.push(String(cause))));
  }

  /** Everyone comes to an end of what they do, and has everything then. */
  async end(): Promise<void> {
    this.#isOver = true;
    for (const source of this.#sources) source.end();
    await Promise.all(this.#actors);
    const [live, bulk] = this.#sources;
    const hasAll = (viewers: readonly Viewer[], source: MessageSource) =>
      viewers.every(({ track }) => track.nextIndex === source.publishedCount);
    const isComplete = await settled(
      this.tally,
      QUIET_MS,
      () => hasAll(this.#resumers, live!) && hasAll(this.#slow, bulk!),
    );
    if (!isComplete) this.faults.push("not every subscriber has every message");
    const viewers = [...this.#resumers, ...this.#slow, ...this.#publishers];
    this.faults.push(...flowFaults(this.tally, viewers));
    for (const viewer of viewers) viewer.cut();
  }

  async #visitAgainAndAgain(place: number): Promise<void> {
    // Spread, so that they do not come in waves.
    await sleep(between(0, (VISIT.tokenCount * 1_000) / VISIT.tokensPerSec));
    while (!this.#isOver) await this.#visit(`v${place}-${this.visitCount}`);
  }

  async #visit(id: string): Promise<void> {
    const visitor = new Viewer({ id, dialect: this.#contender.makeDialect(), tally: this.tally });
    try {
      await visitor.join(this.#contender.port);
      visitor.send([visitor.dialect.runText(VISIT)]);
      const deadlineMs =
        performance.now() + (VISIT.tokenCount * 1_000) / VISIT.tokensPerSec + VISIT_PATIENCE_MS;
      while (visitor.track.nextIndex < VISIT.tokenCount) {
        if (performance.now() > deadlineMs)
          throw new Error(`${id} has ${visitor.track.nextIndex} of ${VISIT.tokenCount} tokens`);
        await sleep(LOOK_MS);
      }
      this.visitCount += 1;
    } finally {
      visitor.cut();
    }
  }

  async #comeAndGo(viewer: Viewer): Promise<void> {
    for (;;) {
      await this.#whileRunning(between(ONLINE_MS.least, ONLINE_MS.most));
      if (this.#isOver) return;
      viewer.cut();
      await sleep(between(AWAY_MS.least, AWAY_MS.most));
      await viewer.rejoin(this.#contender.port);
      this.resumeCount += 1;
    }
  }

  async #readNowAndThen(viewer: Viewer, place: number): Promise<void> {
    await this.#whileRunning((place / this.#size.slowCount) * (SLOW_MS + READS_MS));
    while (!this.#isOver) {
      viewer.pause();
      await this.#whileRunning(SLOW_MS);
      viewer.readOn();
      this.pauseCount += 1;
      await this.#whileRunning(READS_MS);
    }
  }

  async #whileRunning(forMs: number): Promise<void> {
    const endMs = performance.now() + forMs;
    while (!this.#isOver && performance.now() < endMs) await sleep(Math.min(LOOK_MS * 4, forMs));
  }
}

function between(least: number, most: number): number {
  return least + Math.random() * (most - least);
}
