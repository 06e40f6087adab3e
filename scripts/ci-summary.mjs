// The last line of the automatic checks: `N passed, N failed`, over the tests and the steps of `npm run check`.
import { existsSync, readFileSync } from "node:fs";
import { summarize } from "./check/summarize.mjs";

function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

const [testsPath, testsCode, checkPath, checkCode] = process.argv.slice(2);
const summary = summarize({
  tests: readJson(testsPath),
  testsCode: Number(testsCode),
  check: readJson(checkPath),
  checkCode: Number(checkCode),
});
for (const note of summary.notes) process.stdout.write(`${note}\n`);
process.stdout.write(`${summary.passedCount} passed, ${summary.failedCount} failed\n`);
if (summary.failedCount > 0) process.exitCode = 1;
