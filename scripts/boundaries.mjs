// Checks that imports point the way ARCHITECTURE.md says they do. `--graph` prints the layers as a mermaid flowchart.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkBoundaries, typeOnlyCircles } from "./boundaries/check-boundaries.mjs";
import { drawLayers } from "./boundaries/layer-graph.mjs";
import { readProject } from "./boundaries/project.mjs";
import { RULES } from "./boundaries/rules.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const project = readProject(root);

if (process.argv.includes("--graph")) {
  process.stdout.write(`${drawLayers(project.files)}\n`);
} else {
  const violations = checkBoundaries(project);
  for (const { rule, path, line, what } of violations) {
    process.stdout.write(`${path}:${line}  ${what}  [${rule}]\n`);
  }
  for (const id of new Set(violations.map(({ rule }) => rule))) {
    const rule = RULES.find((candidate) => candidate.id === id);
    process.stdout.write(`\n${id}: ${rule?.text ?? "files do not import each other in a circle"}\n`);
  }
  for (const { path, what } of typeOnlyCircles(project))
    process.stdout.write(`note: ${path}  ${what} (by types only)\n`);
  process.stdout.write(`${project.files.length} files, ${violations.length} boundary violations\n`);
  if (violations.length > 0) process.exitCode = 1;
}
