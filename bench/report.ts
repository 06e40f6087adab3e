/** The rounds of one work as a table: medians with the least and the most, and ratios of each round to its own peers. */
import type { ContenderName } from "./contender.ts";
import { ratiosOf, type Spread, spreadOf } from "./statistics.ts";
import type { FigureName, Outcome, Work } from "./works/work.ts";

export interface Row {
  readonly contender: ContenderName;
  /** One for each round. */
  readonly outcomes: readonly Outcome[];
}

export const COLUMNS: readonly {
  readonly figure: FigureName;
  readonly title: string;
  readonly digits: number;
}[] = [
  { figure: "capacityPerSec", title: "tokens/s", digits: 0 },
  { figure: "cpuMicrosPerRecord", title: "CPU µs/record", digits: 2 },
  { figure: "cpuPercent", title: "CPU %", digits: 2 },
  { figure: "wireBytesPerToken", title: "bytes/token", digits: 1 },
  { figure: "frameCount", title: "frames", digits: 0 },
  { figure: "recordCount", title: "log records", digits: 0 },
  { figure: "firstByteMs", title: "first byte ms", digits: 1 },
  { figure: "catchUpMs", title: "caught up ms", digits: 0 },
  { figure: "unsentKib", title: "unsent KiB", digits: 0 },
  { figure: "kibPerSlowReader", title: "KiB/slow reader", digits: 0 },
  { figure: "kibPerSession", title: "KiB/session", digits: 1 },
  { figure: "recordsPerSec", title: "records/s", digits: 0 },
  { figure: "latencyP50Ms", title: "p50 ms", digits: 1 },
  { figure: "latencyP99Ms", title: "p99 ms", digits: 1 },
  { figure: "latencyP99AtHalfMs", title: "p99 ms at half", digits: 1 },
  { figure: "othersP99Ratio", title: "others' p99", digits: 2 },
  { figure: "storeCommandsPerStreamSec", title: "store cmds/s each", digits: 1 },
  { figure: "loopDelayP99Ms", title: "loop p99 ms", digits: 0 },
  { figure: "lostCount", title: "lost", digits: 0 },
  { figure: "duplicateCount", title: "twice", digits: 0 },
  { figure: "rssMib", title: "RSS MiB", digits: 0 },
  { figure: "generatorShare", title: "generator", digits: 2 },
];

const PEERS: readonly ContenderName[] = ["plain-ws", "socket.io", "ai-sdk-sse", "tachikoma-memory"];
const BUSY_GENERATOR_SHARE = 0.9;

export interface Cells {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A column for each figure that someone has, and for each peer the ratio to it. */
export function cellsOf(mainFigure: FigureName, rows: readonly Row[]): Cells {
  const columns = COLUMNS.filter(({ figure }) =>
    rows.some((row) => spreadOfFigure(row, figure) !== undefined),
  );
  const peers = PEERS.filter((peer) => rows.some((row) => row.contender === peer));
  return {
    titles: ["", ...columns.map(({ title }) => title), ...peers.map((peer) => `to ${peer}`)],
    rows: rows.map((row) => [
      row.contender,
      ...columns.map(({ figure, digits }) => shown(spreadOfFigure(row, figure), digits)),
      ...peers.map((peer) => shown(ratioTo(row, rows, peer, mainFigure), 2)),
    ]),
  };
}

export function tableOf(work: Pick<Work, "title" | "mainFigure">, rows: readonly Row[]): string {
  const { titles, rows: cells } = cellsOf(work.mainFigure, rows);
  const widths = titles.map((title, at) => Math.max(title.length, ...cells.map((line) => line[at]!.length)));
  const lines = [titles, ...cells].map((line) =>
    line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join("  "),
  );
  return [work.title, ...lines, ...warnings(rows)].join("\n");
}

function warnings(rows: readonly Row[]): string[] {
  return rows.flatMap(({ contender, outcomes }) =>
    outcomes.flatMap(({ faults, figures }, at) => {
      const found = faults.map((fault) => `! ${contender}, round ${at + 1}: ${fault}`);
      if ((figures.generatorShare ?? 0) > BUSY_GENERATOR_SHARE) {
        found.push(
          `! ${contender}, round ${at + 1}: the generator was busy; records/s and latency are its own`,
        );
      }
      return found;
    }),
  );
}

function valuesOf(row: Row, figure: FigureName): (number | undefined)[] {
  return row.outcomes.map(({ figures }) => figures[figure]);
}

export function spreadOfFigure(row: Row, figure: FigureName): Spread | undefined {
  return spreadOf(valuesOf(row, figure).filter((value) => value !== undefined));
}

function ratioTo(
  row: Row,
  rows: readonly Row[],
  peer: ContenderName,
  figure: FigureName,
): Spread | undefined {
  const reference = rows.find(({ contender }) => contender === peer);
  return reference && spreadOf(ratiosOf(valuesOf(row, figure), valuesOf(reference, figure)));
}

function shown(spread: Spread | undefined, digits: number): string {
  if (spread === undefined) return "-";
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => value.toFixed(digits));
  return min === max ? median! : `${median} (${min}-${max})`;
}
