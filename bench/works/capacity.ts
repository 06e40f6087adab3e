import { highestRate } from "../capacity-search.ts";
import type { Contender, ContenderName } from "../contender.ts";
import { beginStreams } from "../generator/begin-streams.ts";
import { Tally } from "../generator/tally.ts";
import { joinAll, Viewer } from "../generator/viewer.ts";
import { MAX_MARK_INDEX } from "../mark.ts";
import { type Figures, flowFaults, measureFlow, type Outcome, type Work } from "./work.ts";

export interface CapacitySize {
  readonly streamCount: number;
  readonly windowMs: number;
  /** How often the gap between what holds and what does not is halved. */
  readonly halvingCount: number;
}

/** Each takes minutes: those that a target is about. */
const CONTENDERS: readonly ContenderName[] = ["plain-ws", "tachikoma-memory", "tachikoma-sqlite"];
/** Of all streams together. */
const START_PER_SEC = 20_000;
const MAX_PER_SEC = 2_000_000;
const MAX_P99_MS = 200;
/** Less than this share of what the model says is a backlog that grows. */
const MIN_DELIVERED_SHARE = 0.97;
/** Beyond 100 tokens/s of one answer they come several at a time. */
const PIECE_MS = 10;
/** A server that is cold when the flood begins has a backlog to work off first. */
const WARM_UP_MS = 3_000;
const BUSY_GENERATOR_SHARE = 0.9;

/** Streams fixed, their rate raised: how many tokens are carried while p99 stays low and nothing is lost. Each rate has a fresh server. */
export function capacity(size: CapacitySize): Work {
  return {
    name: "capacity",
    title: `Capacity: ${size.streamCount} token streams, highest rate with p99 under ${MAX_P99_MS} ms (higher is better)`,
    mainFigure: "capacityPerSec",
    isFor: (name) => CONTENDERS.includes(name),
    run: (contender) => run(contender, size),
  };
}

interface Probe {
  readonly ratePerSec: number;
  readonly figures: Figures;
  /** Why the rate does not hold; none where it does. */
  readonly reasons: readonly string[];
  /** What is wrong at any rate. */
  readonly faults: readonly string[];
}

async function run(contender: Contender, size: CapacitySize): Promise<Outcome> {
  const probes: Probe[] = [];
  const probed = async (ratePerSec: number) => {
    const probe = await probeOf(contender, ratePerSec, size);
    probes.push(probe);
    const { latencyP99Ms = Number.NaN, generatorShare = 0 } = probe.figures;
    process.stderr.write(
      `  ${Math.round(ratePerSec)} tokens/s: p99 ${latencyP99Ms.toFixed(0)} ms, generator ${generatorShare.toFixed(2)}` +
        `${probe.reasons.length === 0 ? "" : `, no: ${probe.reasons.join("; ")}`}\n`,
    );
    return probe;
  };
  const capacityPerSec = await highestRate({
    startRate: START_PER_SEC,
    maxRate: MAX_PER_SEC,
    halvingCount: size.halvingCount,
    holds: async (rate) => (await probed(rate)).reasons.length === 0,
  });
  if (capacityPerSec === 0) return { figures: {}, faults: ["no rate holds"] };
  const atCapacity = probes.find(({ ratePerSec }) => ratePerSec === capacityPerSec)!.figures;
  const half = await probed(capacityPerSec / 2);
  return {
    figures: {
      capacityPerSec,
      cpuMicrosPerRecord: atCapacity.cpuMicrosPerRecord,
      latencyP99Ms: atCapacity.latencyP99Ms,
      latencyP99AtHalfMs: half.figures.latencyP99Ms,
      rssMib: atCapacity.rssMib,
      // Where the generator itself could not follow, the capacity is at least this.
      generatorShare: Math.max(...probes.map(({ figures }) => figures.generatorShare ?? 0)),
    },
    faults: half.faults.map((fault) => `at half of capacity: ${fault}`),
  };
}

async function probeOf(idle: Contender, ratePerSec: number, size: CapacitySize): Promise<Probe> {
  const contender = await idle.fresh();
  const { streamCount, windowMs } = size;
  const tally = new Tally();
  const viewers = Array.from(
    { length: streamCount },
    (_, at) => new Viewer({ id: `v${at}`, dialect: contender.makeDialect(), tally }),
  );
  try {
    await joinAll(viewers, contender.port);
    const tokensPerSec = ratePerSec / streamCount;
    await beginStreams(viewers, {
      tokenCount: MAX_MARK_INDEX,
      tokensPerSec,
      timedWhen: "due",
      pieceMs: PIECE_MS,
    });
    const figures = await measureFlow(contender, tally, windowMs, WARM_UP_MS);
    const faults = flowFaults(tally, viewers);
    return { ratePerSec, figures, reasons: reasonsAgainst(ratePerSec, figures, faults), faults };
  } catch (cause) {
    const faults = [cause instanceof Error ? cause.message : String(cause)];
    return { ratePerSec, figures: {}, reasons: faults, faults };
  } finally {
    for (const viewer of viewers) viewer.cut();
    await contender.dispose();
  }
}

function reasonsAgainst(ratePerSec: number, figures: Figures, faults: readonly string[]): string[] {
  const { latencyP99Ms, recordsPerSec = 0, generatorShare = 0 } = figures;
  const reasons = [...faults];
  if (latencyP99Ms === undefined) reasons.push("nothing arrived");
  else if (latencyP99Ms >= MAX_P99_MS) reasons.push(`p99 is ${latencyP99Ms.toFixed(0)} ms`);
  if (recordsPerSec < ratePerSec * MIN_DELIVERED_SHARE)
    reasons.push(`${Math.round(recordsPerSec)} tokens/s arrived`);
  if (reasons.length > 0 && generatorShare > BUSY_GENERATOR_SHARE) reasons.push("the generator was busy");
  return reasons;
}
