import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Scenario, type SubjectName, tokenCount, type Usage } from "./scenario.ts";
import { type Viewer, watch } from "./viewer.ts";

export interface Measurement {
  readonly subject: SubjectName;
  readonly deliveredCount: number;
  readonly frameCount: number;
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const PROGRAM = fileURLToPath(new URL("subject-process.ts", import.meta.url));
/** What may still be on its way after the last token was made. */
const MAX_SETTLE_MS = 10_000;

export async function measure(subject: SubjectName, scenario: Scenario): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), "tachikoma-bench-"));
  const child = fork(PROGRAM, [subject, folder], { execArgv: ["--conditions=source"] });
  const viewers: Viewer[] = [];
  try {
    const { url } = await answerOf<{ url: string }>(child);
    const first = await openViewers(subject, url, scenario, viewers);
    child.send({ order: "begin", scenario });
    await answerOf(child);
    for (const viewer of first) viewer.begin(scenario);
    await sleep(scenario.durationSecs * 1000);
    await settle(viewers, tokenCount(scenario));
    child.send({ order: "usage" });
    return summarize(subject, viewers, await answerOf<Usage>(child));
  } finally {
    for (const viewer of viewers) viewer.close();
    child.kill("SIGKILL");
    await once(child, "exit");
    rmSync(folder, { recursive: true });
  }
}

/** Returns the first viewer of each answer. */
async function openViewers(subject: SubjectName, url: string, scenario: Scenario, viewers: Viewer[]) {
  const first: Viewer[] = [];
  for (let answer = 0; answer < scenario.answerCount; answer += 1) {
    const opened = Array.from({ length: scenario.viewersPerAnswer }, (_, n) =>
      watch(subject, url, `chat:${answer}`, `viewer-${answer}-${n}`),
    );
    viewers.push(...opened);
    if (opened[0] !== undefined) first.push(opened[0]);
    // One answer's viewers at a time: a burst of handshakes is another benchmark.
    await Promise.all(opened.map(({ ready }) => ready));
  }
  return first;
}

async function settle(viewers: readonly Viewer[], expectedCount: number): Promise<void> {
  const deadlineMs = performance.now() + MAX_SETTLE_MS;
  while (viewers.some(({ agesMs }) => agesMs.length < expectedCount)) {
    if (performance.now() > deadlineMs) {
      const fewest = Math.min(...viewers.map(({ agesMs }) => agesMs.length));
      throw new Error(
        `a viewer has ${fewest} of ${expectedCount} tokens ${MAX_SETTLE_MS} ms after the last one`,
      );
    }
    await sleep(20);
  }
}

async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the server ended with ${code}`);
  });
  const [answer] = await Promise.race([once(child, "message"), ended]);
  // The race is over; what the other one says later is nobody's.
  ended.catch(() => {});
  return answer as Answer;
}

function summarize(subject: SubjectName, viewers: readonly Viewer[], usage: Usage): Measurement {
  const agesMs = viewers.flatMap((viewer) => viewer.agesMs).sort((a, b) => a - b);
  const quantile = (share: number) =>
    agesMs[Math.min(agesMs.length - 1, Math.floor(agesMs.length * share))] ?? 0;
  return {
    subject,
    deliveredCount: agesMs.length,
    frameCount: viewers.reduce((sum, viewer) => sum + viewer.frameCount(), 0),
    ...usage,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  };
}
