/**
 * Whether memory is flat. The first half of a soak fills what has a bound: code is compiled, caches and rings fill, retention sets in. In the
 * second half a line is fitted to each course; where it rises from its begin to its end by more than the tolerance, it is not flat.
 */
import { linearFit, type Point } from "../growth/fit.ts";
import type { SoakSample } from "../saved-run.ts";

export interface Course {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  /** What the fitted line may rise by in the second half: this share of the mean, or this much, whichever is more. */
  readonly toleranceShare: number;
  readonly tolerance: number;
  of(sample: SoakSample): number;
}

const MIB = 2 ** 20;

export const COURSES: readonly Course[] = [
  {
    name: "rss",
    title: "Resident memory",
    unit: "MiB",
    toleranceShare: 0.05,
    tolerance: 8,
    of: ({ rssBytes }) => rssBytes / MIB,
  },
  {
    name: "heap",
    title: "Heap and buffers after a collection",
    unit: "MiB",
    toleranceShare: 0.05,
    tolerance: 4,
    of: ({ heapBytes, externalBytes }) => (heapBytes + externalBytes) / MIB,
  },
  {
    name: "handles",
    title: "Open handles",
    unit: "count",
    toleranceShare: 0.05,
    tolerance: 10,
    of: ({ handleCount }) => handleCount,
  },
];

/** Below, heaps and caches are still on their way to their size. */
export const MIN_TELLING_MINUTES = 10;

export interface CourseVerdict {
  readonly course: Course;
  readonly mean: number;
  readonly perHour: number;
  /** Of the fitted line, from the begin to the end of the second half. */
  readonly rise: number;
  readonly allowedRise: number;
  readonly isFlat: boolean;
  /** Begin and end of that line, x in minutes. */
  readonly line: readonly Point[];
}

export function secondHalf(samples: readonly SoakSample[]): readonly SoakSample[] {
  const endSecs = samples.at(-1)?.atSecs ?? 0;
  return samples.filter(({ atSecs }) => atSecs >= endSecs / 2);
}

/** Nothing for fewer than two samples. */
export function verdicts(samples: readonly SoakSample[]): CourseVerdict[] {
  const half = secondHalf(samples);
  return COURSES.flatMap((course) => {
    const points = half.map((sample): Point => [sample.atSecs / 60, course.of(sample)]);
    const fit = linearFit(points);
    if (fit === undefined) return [];
    const [begin, end] = [points[0]![0], points.at(-1)![0]];
    const mean = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
    const rise = fit.slope * (end - begin);
    const allowedRise = Math.max(course.toleranceShare * mean, course.tolerance);
    const at = (x: number): Point => [x, fit.intercept + fit.slope * x];
    return {
      course,
      mean,
      perHour: fit.slope * 60,
      rise,
      allowedRise,
      isFlat: rise <= allowedRise,
      line: [at(begin), at(end)],
    };
  });
}
