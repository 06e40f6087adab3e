/** One thing that is measured, the same for every contender. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Contender, ContenderName } from "../contender.ts";
import type { ServerSettings } from "../contenders/settings.ts";
import type { Tally } from "../generator/tally.ts";
import type { Viewer } from "../generator/viewer.ts";
import { cpuSecondsOf, residentBytes } from "../processor.ts";
import { quantileOf } from "../statistics.ts";

export interface Figures {
  readonly cpuMicrosPerRecord?: number | undefined;
  readonly recordsPerSec?: number | undefined;
  readonly latencyP50Ms?: number | undefined;
  readonly latencyP99Ms?: number | undefined;
  readonly catchUpMs?: number | undefined;
  readonly kibPerSession?: number | undefined;
  readonly rssMib?: number | undefined;
  /** Commands to the store over the network, for each execution. */
  readonly storeCommandsPerStreamSec?: number | undefined;
  /** Delay of the event loop of the node that was left. */
  readonly loopDelayP99Ms?: number | undefined;
  /** Highest rate at which latency stays low and nothing is lost. */
  readonly capacityPerSec?: number | undefined;
  readonly latencyP99AtHalfMs?: number | undefined;
  readonly firstByteMs?: number | undefined;
  readonly frameCount?: number | undefined;
  /** Records of the log that one answer is. */
  readonly recordCount?: number | undefined;
  /** p99 of the others while it happens, to their p99 before it. */
  readonly othersP99Ratio?: number | undefined;
  readonly wireBytesPerToken?: number | undefined;
  /** The most that waited in the server for one connection. */
  readonly unsentKib?: number | undefined;
  /** What the server's memory grew by for each slow reader. */
  readonly kibPerSlowReader?: number | undefined;
  /** Of one core, in percent. */
  readonly cpuPercent?: number | undefined;
  readonly lostCount?: number | undefined;
  readonly duplicateCount?: number | undefined;
  /** Share of its core that the generator used: near 1 the figures are about the generator. */
  readonly generatorShare?: number | undefined;
}

export type FigureName = keyof Figures;

export interface Outcome {
  readonly figures: Figures;
  /** What makes the figures worthless. */
  readonly faults: readonly string[];
}

export interface Work {
  readonly name: string;
  readonly title: string;
  /** What the table compares by; lower is better, except of a capacity. */
  readonly mainFigure: FigureName;
  /** @default what the server has by itself */
  readonly settings?: ServerSettings;
  /** @default for all that speak WebSocket */
  readonly isFor?: (contender: ContenderName) => boolean;
  run(contender: Contender): Promise<Outcome>;
}

const WARM_UP_MS = 1_000;

/** Lets the contender warm up, then measures what it uses while records flow. */
export async function measureFlow(
  contender: Contender,
  tally: Tally,
  windowMs: number,
  warmUpMs = WARM_UP_MS,
): Promise<Figures> {
  await sleep(warmUpMs);
  tally.latenciesMs = [];
  tally.isTiming = true;
  const window = openWindow(contender, tally);
  await sleep(windowMs);
  const figures = window.close();
  tally.isTiming = false;
  return {
    ...figures,
    latencyP50Ms: quantileOf(tally.latenciesMs, 0.5),
    latencyP99Ms: quantileOf(tally.latenciesMs, 0.99),
  };
}

/** @default of `isFor` */
export function speaksWebSocket(name: ContenderName): boolean {
  return name !== "ai-sdk-sse";
}

export function isTachikoma(name: ContenderName): boolean {
  return name.startsWith("tachikoma");
}

/** Latency of what arrives within a while. */
export async function timedFor(tally: Tally, windowMs: number): Promise<number | undefined> {
  tally.latenciesMs = [];
  tally.isTiming = true;
  await sleep(windowMs);
  tally.isTiming = false;
  return quantileOf(tally.latenciesMs, 0.99);
}

export function openWindow(contender: Contender, tally: Tally): { close(): Figures } {
  const { processId } = contender;
  const deliveredBefore = tally.deliveredCount;
  const generatorBefore = process.cpuUsage();
  const startMs = performance.now();
  const cpuBefore = cpuSecondsOf(processId);
  return {
    close() {
      const cpuSeconds = cpuSecondsOf(processId) - cpuBefore;
      const elapsedSecs = (performance.now() - startMs) / 1_000;
      const recordCount = tally.deliveredCount - deliveredBefore;
      const generator = process.cpuUsage(generatorBefore);
      return {
        cpuMicrosPerRecord: recordCount === 0 ? undefined : (cpuSeconds * 1e6) / recordCount,
        recordsPerSec: recordCount / elapsedSecs,
        rssMib: residentBytes(processId) / 2 ** 20,
        generatorShare: (generator.user + generator.system) / 1e6 / elapsedSecs,
      };
    },
  };
}

/** Waits until it holds, or until nothing has been delivered for a while. False when it never held. */
export async function settled(tally: Tally, quietMs: number, isDone: () => boolean): Promise<boolean> {
  let seenCount = tally.deliveredCount;
  let progressedAtMs = performance.now();
  while (!isDone()) {
    const nowMs = performance.now();
    if (tally.deliveredCount !== seenCount) {
      seenCount = tally.deliveredCount;
      progressedAtMs = nowMs;
    } else if (nowMs - progressedAtMs > quietMs) {
      return false;
    }
    await sleep(5);
  }
  return true;
}

/** What must be nothing where records only flow. */
export function flowFaults(tally: Tally, viewers: readonly Viewer[]): string[] {
  const faults: string[] = [];
  if (tally.lostCount > 0) faults.push(`${tally.lostCount} records lost`);
  if (tally.duplicateCount > 0) faults.push(`${tally.duplicateCount} records delivered twice`);
  if (tally.discontinuityCount > 0) faults.push(`${tally.discontinuityCount} jumps in the positions`);
  const dropped = viewers.filter(({ fault }) => fault !== undefined);
  if (dropped.length > 0) faults.push(`${dropped.length} connections dropped: ${dropped[0]!.fault}`);
  return faults;
}
