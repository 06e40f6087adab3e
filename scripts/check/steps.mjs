import { existsSync } from "node:fs";
import { join } from "node:path";
import { runCommand, tool } from "./command.mjs";
import { checkLockFile } from "./lock-file.mjs";
import { checkPackages } from "./packed-packages.mjs";

const TSC = "typescript/bin/tsc";
const OPTIONAL_PROJECTS = ["packages/console", "sim", "chaos", "e2e", "bench", "examples"];

/** The steps in the order in which they run: the quick ones, and the ones that explain the others' failures, first. */
export const STEPS = [
  {
    name: "lockfile",
    text: "package-lock.json agrees with package.json on every platform",
    run: async (root) => checkLockFile(root),
  },
  {
    name: "format",
    text: "format and lint",
    run: (root) => runCommand(root, tool(root, "@biomejs/biome/bin/biome", "check", "--colors=off", ".")),
  },
  { name: "types", text: "the compiler, over sources, tests and the console", run: checkTypes },
  {
    name: "boundaries",
    text: "imports point one way",
    run: (root) => runCommand(root, [process.execPath, join(root, "scripts", "boundaries.mjs")]),
  },
  {
    name: "tests",
    text: "the test suite",
    run: (root) => runCommand(root, tool(root, "vitest/vitest.mjs", "run")),
  },
  {
    name: "docs",
    text: "links, examples and rule numbers in the documentation",
    run: (root) => runCommand(root, [process.execPath, join(root, "scripts", "docs-check.mjs")]),
  },
  { name: "packages", text: "the packages as they would be published", run: checkPackages },
  {
    name: "size",
    text: "what the client costs a page",
    run: (root) =>
      runCommand(root, [process.execPath, join(root, "packages", "client", "scripts", "size.mjs")]),
  },
  {
    name: "unused",
    text: "files, exports and dependencies that nothing uses",
    run: (root) => runCommand(root, tool(root, "knip/bin/knip.js", "--no-progress")),
  },
];

async function checkTypes(root) {
  const faults = await runCommand(root, tool(root, TSC, "-b"));
  faults.push(...(await runCommand(root, tool(root, TSC, "-p", "scripts/tsconfig.tests.json"))));
  for (const folder of OPTIONAL_PROJECTS) {
    if (!existsSync(join(root, folder, "tsconfig.json"))) continue;
    faults.push(...(await runCommand(root, tool(root, TSC, "-p", folder, "--noEmit"))));
  }
  return faults;
}
