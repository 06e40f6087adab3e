import { setTimeout as sleep } from "node:timers/promises";
import { Contender, type ContenderName } from "../contender.ts";
import type { MeasureOptions } from "../measure.ts";
import { anonymousBytes } from "../processor.ts";
import type { SoakResult, SoakSample } from "../saved-run.ts";
import { type LoadSize, MixedLoad } from "./load.ts";

export interface SoakPlan extends MeasureOptions, LoadSize {
  readonly minutes: number;
}

const SAMPLE_EVERY_MS = 5_000;
const SAY_EVERY_SAMPLES = 6;
/** Short, so that what is kept for a while reaches its size within the first half. */
const RETENTION_SECS = 60;

export async function runSoak(
  name: ContenderName,
  plan: SoakPlan,
  say: (text: string) => void,
): Promise<SoakResult> {
  const contender = await Contender.start(name, {
    isPinned: !plan.isUnpinned,
    profileFolder: plan.profileFolder,
    settings: { retentionSecs: RETENTION_SECS },
  });
  const load = new MixedLoad(contender, plan);
  const samples: SoakSample[] = [];
  try {
    await load.begin();
    const startMs = performance.now();
    const endMs = startMs + plan.minutes * 60_000;
    while (performance.now() < endMs && load.faults.length === 0) {
      await sleep(Math.min(SAMPLE_EVERY_MS, Math.max(0, endMs - performance.now())));
      const sample = {
        atSecs: (performance.now() - startMs) / 1_000,
        ...(await contender.memory()),
        anonymousBytes: anonymousBytes(contender.processId),
        storedBytes: contender.storedBytes(),
        deliveredCount: load.tally.deliveredCount,
      };
      samples.push(sample);
      if (samples.length % SAY_EVERY_SAMPLES === 0) say(progressText(name, plan, sample));
    }
    await load.end();
  } catch (cause) {
    load.faults.push(cause instanceof Error ? cause.message : String(cause));
  } finally {
    await contender.dispose();
  }
  const counts = {
    records: load.tally.deliveredCount,
    executions: load.visitCount,
    resumes: load.resumeCount,
    "pauses of slow readers": load.pauseCount,
  };
  return { contender: name, minutes: plan.minutes, samples, counts, faults: load.faults };
}

function progressText(name: ContenderName, { minutes }: SoakPlan, sample: SoakSample): string {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const share = `${Math.floor((sample.atSecs / 60 / minutes) * 100)}%`.padStart(4);
  return (
    `${share} soak of ${name}: RSS ${mib(sample.rssBytes)} (no file: ${mib(sample.anonymousBytes)}), ` +
    `heap ${mib(sample.heapBytes)} of ${mib(sample.heapTotalBytes)}, buffers ${mib(sample.externalBytes)}, database ${mib(sample.storedBytes)}, ` +
    `${sample.handleCount} handles, ${sample.connectionCount} connections, ${sample.deliveredCount} records`
  );
}
