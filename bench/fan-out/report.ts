import type { Measurement } from "./measurement.ts";
import type { Scenario } from "./scenario.ts";

/** The median run of each row by CPU time, as a Markdown table; ratios are to the first row, the control. */
export function report(scenario: Scenario, runs: readonly (readonly Measurement[])[]): string {
  const rows = runs.map(medianRun);
  const control = rows[0]!;
  const { answerCount, viewersPerAnswer, tokensPerSecond, durationSecs } = scenario;
  const lines = rows.map((row) => {
    const microsPerToken = row.cpuMicros / row.deliveredCount;
    const ratio = microsPerToken / (control.cpuMicros / control.deliveredCount);
    const cells = [
      row.subject,
      row.deliveredCount.toLocaleString("en"),
      (row.deliveredCount / row.frameCount).toFixed(1),
      microsPerToken.toFixed(1),
      ratio.toFixed(2),
      row.p50Ms.toFixed(1),
      row.p99Ms.toFixed(1),
      (row.rssBytes / 2 ** 20).toFixed(0),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    `${answerCount} answers at ${tokensPerSecond} tokens/s, ${viewersPerAnswer} viewers each, ${durationSecs} s, median of ${runs[0]?.length ?? 0}`,
    "",
    "| Server | Tokens delivered | Tokens per frame | CPU µs per token | Ratio | Age p50 ms | Age p99 ms | RSS MiB |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

function medianRun(runs: readonly Measurement[]): Measurement {
  const sorted = [...runs].sort((a, b) => a.cpuMicros - b.cpuMicros);
  return sorted[Math.floor(sorted.length / 2)]!;
}
