/** What a run leaves: all rounds, not only their medians. */
import type { ContenderName } from "./contender.ts";
import type { MemorySample } from "./contenders/serve.ts";
import type { Row } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";
import type { FigureName, Outcome } from "./works/work.ts";

interface Begun {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly surroundings: Surroundings;
  /** Of the full sizes, or long enough: others are a look and no more. */
  readonly isTelling: boolean;
}

export interface WorkResult {
  readonly work: string;
  readonly title: string;
  readonly mainFigure: FigureName;
  readonly rows: readonly Row[];
}

export interface WorksRun extends Begun {
  readonly kind: "works";
  readonly results: readonly WorkResult[];
}

/** One contender at several sizes of one thing. */
export interface GrowthSeries {
  readonly dimension: string;
  readonly contender: ContenderName;
  readonly points: readonly { readonly size: number; readonly outcomes: readonly Outcome[] }[];
}

export interface GrowthRun extends Begun {
  readonly kind: "growth";
  readonly series: readonly GrowthSeries[];
}

export interface SoakSample extends MemorySample {
  readonly atSecs: number;
  /** The part of the resident memory that is no file. */
  readonly anonymousBytes: number;
  /** Of the database on the disk. */
  readonly storedBytes: number;
  /** So far. */
  readonly deliveredCount: number;
}

export interface SoakResult {
  readonly contender: ContenderName;
  readonly minutes: number;
  readonly samples: readonly SoakSample[];
  readonly counts: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

export interface SoakRun extends Begun {
  readonly kind: "soak";
  readonly soaks: readonly SoakResult[];
}

export type SavedRun = WorksRun | GrowthRun | SoakRun;

export function hasFaults(outcomes: readonly Outcome[]): boolean {
  return outcomes.some(({ faults }) => faults.length > 0);
}
