/** Published runs are in git, all rounds of them; of each work, growth and soak the newest counts. */
import type { GrowthSeries, SavedRun, SoakResult, WorkResult } from "../saved-run.ts";
import { hasFaults } from "../saved-run.ts";
import { FULL } from "../sizes.ts";
import type { Surroundings } from "../surroundings.ts";
import { worksOf } from "../works/all-works.ts";
import { isTachikoma } from "../works/work.ts";

/** In the order in which they are run; one that is no more is no longer shown. */
const WORK_NAMES = worksOf(FULL).map(({ name }) => name);

export interface Dated<Item> {
  readonly item: Item;
  readonly startedAt: string;
  readonly surroundings: Surroundings;
}

export interface Published {
  readonly works: readonly Dated<WorkResult>[];
  readonly growth: readonly Dated<GrowthSeries>[];
  readonly soaks: readonly Dated<SoakResult>[];
}

export function newestOf(runs: readonly SavedRun[]): Published {
  const works = new Map<string, Dated<WorkResult>>();
  const growth = new Map<string, Dated<GrowthSeries>>();
  const soaks = new Map<string, Dated<SoakResult>>();
  for (const run of [...runs].sort((a, b) => a.startedAt.localeCompare(b.startedAt))) {
    const dated = <Item>(item: Item): Dated<Item> => ({
      item,
      startedAt: run.startedAt,
      surroundings: run.surroundings,
    });
    if (run.kind === "works") for (const item of run.results) works.set(item.work, dated(item));
    else if (run.kind === "growth")
      for (const item of run.series) growth.set(`${item.dimension} ${item.contender}`, dated(item));
    else for (const item of run.soaks) soaks.set(item.contender, dated(item));
  }
  const inOrder = WORK_NAMES.flatMap((name) => works.get(name) ?? []);
  return { works: inOrder, growth: [...growth.values()], soaks: [...soaks.values()] };
}

/** Without what has faults: its figures are worth nothing. Says what it leaves out. A soak's faults are what it is there to show. */
export function worthPublishing(run: SavedRun): {
  readonly run: SavedRun;
  readonly leftOut: readonly string[];
} {
  const leftOut: string[] = [];
  const keep = (name: string, isSound: boolean) => {
    if (!isSound) leftOut.push(name);
    return isSound;
  };
  if (run.kind === "works") {
    const results = run.results.flatMap((result) => {
      const isSound = result.rows.every(
        ({ contender, outcomes }) => !isTachikoma(contender) || !hasFaults(outcomes),
      );
      return keep(result.work, isSound) ? [withoutFaultyRounds(result)] : [];
    });
    return { run: { ...run, results }, leftOut };
  }
  if (run.kind === "growth") {
    const series = run.series.filter(({ dimension, points }) =>
      keep(
        dimension,
        points.every(({ outcomes }) => !hasFaults(outcomes)),
      ),
    );
    return { run: { ...run, series }, leftOut };
  }
  return { run, leftOut };
}

/** Where a peer failed a round it has no figures in it, so nothing is compared with them; the fault stays to be read. */
function withoutFaultyRounds(result: WorkResult): WorkResult {
  const rows = result.rows.map((row) => ({
    ...row,
    outcomes: row.outcomes.map((outcome) =>
      outcome.faults.length > 0 ? { ...outcome, figures: {} } : outcome,
    ),
  }));
  return { ...result, rows };
}
