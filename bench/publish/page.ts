/** docs/performance.md: the words are written by hand, what stands between its markers is made from the published runs. */
import { dimensionOf } from "../growth/dimensions.ts";
import { fittedCosts, linearText, powerText } from "../growth/growth-report.ts";
import { ASSUMPTIONS, millionOnPaper } from "../growth/million.ts";
import { shortNumber } from "../plot/scale.ts";
import { cellsOf, type Row, spreadOfFigure } from "../report.ts";
import type { GrowthSeries, SavedRun, SoakResult, WorkResult } from "../saved-run.ts";
import { isFlat, soakText } from "../soak/soak-report.ts";
import { verdicts } from "../soak/verdict.ts";
import type { Surroundings } from "../surroundings.ts";
import { againstText, judge, limitText, measuredText, TARGETS } from "../targets.ts";
import { growthPlotName, soakPlotName, workPlotName } from "./plots.ts";
import { type Dated, newestOf, type Published } from "./published.ts";

const NOTHING = "Nothing is published yet.";

/** @throws where a marker is missing */
export function performancePage(page: string, runs: readonly SavedRun[]): string {
  const published = newestOf(runs);
  const parts: Readonly<Record<string, string>> = {
    targets: targetsPart(published),
    works: worksPart(published),
    growth: growthPart(published),
    million: millionPart(published),
    soak: soakPart(published),
    history: historyPart(runs),
  };
  return Object.entries(parts).reduce((text, [name, part]) => withPart(text, name, part), page);
}

function withPart(page: string, name: string, part: string): string {
  const [startMark, endMark] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const start = page.indexOf(startMark);
  const end = page.indexOf(endMark);
  if (start < 0 || end < start) throw new Error(`The page has no part between ${startMark} and ${endMark}`);
  return `${page.slice(0, start + startMark.length)}\n\n${part}\n\n${page.slice(end)}`;
}

function targetsPart({ works }: Published): string {
  const results = works.map(({ item }) => item);
  const judged = TARGETS.map((target) => judge(target, results));
  const rows = judged.map((entry) => [
    entry.target.what,
    againstText(entry.target),
    limitText(entry.target),
    measuredText(entry),
    entry.isMet === undefined ? "" : entry.isMet ? "yes" : "**no**",
  ]);
  const metCount = judged.filter(({ isMet }) => isMet).length;
  const missedCount = judged.filter(({ isMet }) => isMet === false).length;
  const openCount = TARGETS.length - metCount - missedCount;
  return [
    table(["What", "Of", "Target", "Measured: median (least-most)", "Met"], rows),
    `${metCount} met, ${missedCount} not met, ${openCount} not measured.`,
  ].join("\n\n");
}

function worksPart({ works }: Published): string {
  return works.length === 0 ? NOTHING : works.map(workPart).join("\n\n");
}

function workPart({ item, startedAt, surroundings }: Dated<WorkResult>): string {
  const { title, rows, work, mainFigure } = item;
  const cells = cellsOf(mainFigure, rows);
  const roundCount = Math.max(...rows.map(({ outcomes }) => outcomes.length));
  return [
    `### \`${work}\``,
    `${title}. ${roundsText(roundCount, surroundings)}, ${whereText(startedAt, surroundings)}`,
    table(cells.titles, cells.rows),
    ...faultLines(rows),
    ...(rows.some((row) => spreadOfFigure(row, mainFigure) !== undefined)
      ? [image(title, workPlotName(work))]
      : []),
  ].join("\n\n");
}

function faultLines(rows: readonly Row[]): string[] {
  const lines = rows.flatMap(({ contender, outcomes }) =>
    outcomes.flatMap(({ faults }, round) =>
      faults.map((fault) => `- ${contender}, round ${round + 1}: ${fault}`),
    ),
  );
  return lines.length === 0
    ? []
    : [["Rounds that failed, and have no figures here:", "", ...lines].join("\n")];
}

function growthPart({ growth }: Published): string {
  if (growth.length === 0) return NOTHING;
  return growth.map(seriesPart).join("\n\n");
}

function seriesPart({ item, startedAt, surroundings }: Dated<GrowthSeries>): string {
  const { title, xTitle } = dimensionOf(item.dimension);
  const costs = fittedCosts(item);
  const sizes = item.points.map(({ size }) => size);
  const rows = costs.map(({ cost, points, linear, power }) => [
    `${cost.title}, ${cost.unit}`,
    ...sizes.map((size) => numberAt(points.find(([x]) => x === size)?.[1])),
    linearText(linear),
    powerText(power),
  ]);
  const roundCount = Math.max(...item.points.map(({ outcomes }) => outcomes.length));
  return [
    `### ${title}`,
    `${item.contender}; *x* counts ${xTitle}. Medians of ${roundsText(roundCount, surroundings)}, ${whereText(startedAt, surroundings)}`,
    table(["", ...sizes.map(shortNumber), "Line", "Power"], rows),
    image(`Growth: ${title}`, growthPlotName(item)),
  ].join("\n\n");
}

function numberAt(value: number | undefined): string {
  return value === undefined ? "-" : shortNumber(value);
}

function millionPart({ growth, works }: Published): string {
  const series = (dimension: string) =>
    growth.find(({ item }) => item.dimension === dimension && item.contender === "tachikoma-memory")?.item;
  const [connections, tokenRate] = [series("connections"), series("token-rate")];
  if (connections === undefined || tokenRate === undefined) return NOTHING;
  const [memory, heartbeat] = fittedCosts(connections).map(({ linear }) => linear);
  const tokenMicros = fittedCosts(tokenRate)
    .find(({ cost }) => cost.name === "token")
    ?.points.at(-1)?.[1];
  if (memory === undefined || heartbeat === undefined || tokenMicros === undefined) return NOTHING;
  const wire = works.find(({ item }) => item.work === "wire-bytes-50")?.item;
  const wireRow = wire?.rows.find(({ contender }) => contender === "tachikoma-memory");
  const bytesPerToken = wireRow && spreadOfFigure(wireRow, "wireBytesPerToken")?.median;
  const paper = millionOnPaper({ memory, heartbeat, tokenMicros, bytesPerToken });
  const { sessionCount, streamingShare, tokensPerSec, maxCoreShare, maxProcessGib } = ASSUMPTIONS;
  const largest = Math.max(...connections.points.map(({ size }) => size));
  return [
    "Assumed:",
    [
      `- what was measured up to ${shortNumber(largest)} sessions of one process goes on in a line;`,
      `- ${streamingShare * 100}% of the sessions watch an answer at ${tokensPerSec} tokens/s at any moment, each its own;`,
      `- a token costs what it cost at the highest rate above (${shortNumber(tokenMicros)} µs), its making included;`,
      `- a process uses at most ${maxCoreShare * 100}% of a core and ${maxProcessGib} GiB;`,
      "- the work divides between processes without loss: no channel has subscribers on all of them, and what a shared store costs is not in it;",
      "- cores as the one that was measured; the kernel's socket buffers, TLS, and the balancer in front are not in it.",
    ].join("\n"),
    table(
      [`${shortNumber(sessionCount)} sessions`, ""],
      [
        [
          "Processes",
          `${paper.processCount}, ${paper.sessionsPerProcess.toLocaleString("en")} sessions each`,
        ],
        ["Memory of all processes", `${shortNumber(paper.memoryGib)} GiB`],
        ["CPU of heartbeats", `${shortNumber(paper.heartbeatCores)} cores`],
        ["CPU of tokens", `${shortNumber(paper.tokenCores)} cores`],
        [
          "On the wire",
          paper.wireMibPerSec === undefined ? "not measured" : `${shortNumber(paper.wireMibPerSec)} MiB/s`,
        ],
      ],
    ),
  ].join("\n\n");
}

function soakPart({ soaks }: Published): string {
  return soaks.length === 0 ? NOTHING : soaks.map(oneSoakPart).join("\n\n");
}

function oneSoakPart({ item, startedAt, surroundings }: Dated<SoakResult>): string {
  const rows = verdicts(item.samples).map((verdict) => [
    `${verdict.course.title}, ${verdict.course.unit}`,
    shortNumber(verdict.mean),
    shortNumber(verdict.perHour),
    shortNumber(verdict.rise),
    shortNumber(verdict.allowedRise),
    verdict.isFlat ? "yes" : "**no**",
  ]);
  const sound = item.faults.length === 0 ? "Nothing was lost or came twice." : "It had faults:";
  return [
    `### ${item.contender}`,
    `${soakText(item).split("\n")[0]}; ${isFlat(item) ? "flat" : "not flat"}. ${sound} ${whereText(startedAt, surroundings)}`,
    ...(item.faults.length === 0 ? [] : [item.faults.map((fault) => `- ${fault}`).join("\n")]),
    table(["Second half", "Mean", "An hour", "Rise", "Allowed", "Flat"], rows),
    image(`Soak of ${item.contender}`, soakPlotName(item)),
  ].join("\n\n");
}

function historyPart(runs: readonly SavedRun[]): string {
  const worksRuns = runs
    .filter((run) => run.kind === "works")
    .sort((a, b) => a.startedAt.localeCompare(b.startedAt));
  if (worksRuns.length === 0) return NOTHING;
  const measured = TARGETS.filter((target) =>
    worksRuns.some(({ results }) => judge(target, results).measured !== undefined),
  );
  const rows = measured.map((target) => [
    `${target.what}, ${againstText(target)}`,
    ...worksRuns.map(({ results }) => {
      const { measured: spread } = judge(target, results);
      return spread === undefined ? "" : spread.median.toFixed(target.digits);
    }),
  ]);
  return table(
    ["Median", ...worksRuns.map(({ startedAt }) => startedAt.slice(0, 16).replace("T", " "))],
    rows,
  );
}

function roundsText(count: number, { sizes }: Surroundings): string {
  const windows = sizes["seconds"] === undefined ? "" : `, windows of ${sizes["seconds"]} s`;
  return `${count} ${count === 1 ? "round" : "rounds"}${windows}`;
}

function whereText(startedAt: string, where: Surroundings): string {
  const pinned = where.isPinned ? "" : ", without a core for each side";
  return (
    `${startedAt.slice(0, 10)}, Node ${where.node.replace("v", "")}, ${where.processor ?? "unknown processor"}, ` +
    `${where.coreCount} cores, load ${where.loadAtStart.toFixed(1)} at the start${pinned}.`
  );
}

function image(text: string, name: string): string {
  return `![${text}](images/performance/${name})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const safe = (cell: string) => cell.replaceAll("|", "\\|");
  return [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.map(safe).join(" | ")} |`)
    .join("\n");
}
