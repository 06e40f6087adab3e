import { lineChart } from "../plot/line-chart.ts";
import { shortNumber } from "../plot/scale.ts";
import type { SoakResult } from "../saved-run.ts";
import { COURSES, MIN_TELLING_MINUTES, verdicts } from "./verdict.ts";

export function isFlat({ samples }: SoakResult): boolean {
  return verdicts(samples).every((verdict) => verdict.isFlat);
}

export function soakText(soak: SoakResult): string {
  const lines = verdicts(soak.samples).map(
    ({ course, mean, perHour, rise, allowedRise, isFlat: holds }) =>
      `  ${course.title}: ${shortNumber(mean)} ${course.unit}, ${shortNumber(perHour)} an hour; ` +
      `${shortNumber(rise)} in the second half, ${shortNumber(allowedRise)} allowed: ${holds ? "flat" : "NOT FLAT"}`,
  );
  const counts = Object.entries(soak.counts).map(([name, count]) => `${count.toLocaleString("en")} ${name}`);
  return [
    `Soak of ${soak.contender}, ${soak.minutes} minutes: ${counts.join(", ")}`,
    ...lines,
    ...(soak.minutes < MIN_TELLING_MINUTES
      ? [`  Shorter than ${MIN_TELLING_MINUTES} minutes: tells nothing yet.`]
      : []),
    ...soak.faults.map((fault) => `! ${fault}`),
  ].join("\n");
}

export function soakPlot({ contender, minutes, samples }: SoakResult): string {
  const found = verdicts(samples);
  const panels = COURSES.map((course) => {
    const verdict = found.find((entry) => entry.course === course);
    const slope = verdict === undefined ? "" : `, ${shortNumber(verdict.perHour)} an hour in the second half`;
    return {
      title: `${course.title}, ${course.unit}${slope}`,
      mark: "line",
      points: samples.map((sample) => [sample.atSecs / 60, course.of(sample)] as const),
      fit: verdict?.line ?? [],
    } as const;
  });
  return lineChart({
    title: `Soak: ${minutes} minutes of mixed load`,
    subtitle: `${contender}; dashed: the line fitted to the second half`,
    xTitle: "minutes",
    contender,
    panels,
  });
}
