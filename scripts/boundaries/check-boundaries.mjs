import { findImportCycles } from "./import-cycles.mjs";
import { RULES } from "./rules.mjs";

/** Everything in the project that breaks a rule, as `{rule, path, line, what}`. */
export function checkBoundaries(project) {
  const faults = project.files.flatMap((file) =>
    RULES.flatMap((rule) =>
      rule.check(file, project).map((fault) => ({ rule: rule.id, path: file.path, ...fault })),
    ),
  );
  return [...faults, ...circles(project, (entry) => !entry.isType)];
}

/** Circles that only types close: nothing breaks at run time, but the two files are one idea or lack a third. */
export function typeOnlyCircles(project) {
  return circles(project, () => true).filter(({ circle }) => !closesAtRunTime(project, circle));
}

function circles(project, counts) {
  return findImportCycles(importGraph(project.files, counts)).map((circle) => ({
    rule: "no-import-cycles",
    path: circle[0],
    line: 1,
    what: `imports itself: ${[...circle, circle[0]].join(" -> ")}`,
    circle,
  }));
}

function closesAtRunTime(project, circle) {
  const graph = importGraph(project.files, (entry) => !entry.isType);
  return circle.every((path, index) => graph.get(path).includes(circle[(index + 1) % circle.length]));
}

function importGraph(files, counts) {
  return new Map(
    files.map((file) => {
      const targets = file.imports.filter(counts).map((entry) => entry.target);
      return [file.path, [...new Set(targets.filter((target) => target !== undefined))]];
    }),
  );
}
