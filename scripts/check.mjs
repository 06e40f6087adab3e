// `npm run check`: everything that must hold before a change goes in. All steps run even when one fails.
//   --skip-tests        leaves the test suite out
//   --only a,b          runs only these steps
//   --summary FILE      also writes the result as JSON
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { STEPS } from "./check/steps.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

function say(text) {
  process.stdout.write(`${text}\n`);
}

function optionValue(argv, name) {
  const index = argv.findIndex((argument) => argument === name || argument.startsWith(`${name}=`));
  if (index === -1) return undefined;
  const value = argv[index].includes("=") ? argv[index].slice(name.length + 1) : argv[index + 1];
  if (value === undefined || value === "") throw new Error(`${name} needs a value`);
  return value;
}

function chosenSteps(argv) {
  const only = optionValue(argv, "--only")?.split(",");
  if (only === undefined)
    return STEPS.filter(({ name }) => !(name === "tests" && argv.includes("--skip-tests")));
  const unknown = only.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    throw new Error(
      `There is no step ${unknown.join(", ")}; there are ${STEPS.map(({ name }) => name).join(", ")}`,
    );
  }
  return STEPS.filter(({ name }) => only.includes(name));
}

async function runStep(step) {
  say(`\n== ${step.name}: ${step.text}`);
  const startedMs = performance.now();
  let faults;
  try {
    faults = await step.run(root, say);
  } catch (error) {
    faults = [error.message];
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  for (const fault of faults) say(`   ${fault}`);
  const result = faults.length === 0 ? "PASS" : "FAIL";
  say(`${result}  ${step.name}  (${seconds} s)`);
  return { name: step.name, result, seconds };
}

async function main(argv) {
  const results = [];
  for (const step of chosenSteps(argv)) results.push(await runStep(step));
  const failedCount = results.filter(({ result }) => result === "FAIL").length;
  const passedCount = results.length - failedCount;
  say("");
  for (const { name, result, seconds } of results)
    say(`${result}  ${name.padEnd(12)} ${seconds.padStart(6)} s`);
  const summaryPath = optionValue(argv, "--summary");
  if (summaryPath !== undefined)
    writeFileSync(summaryPath, JSON.stringify({ passedCount, failedCount, results }));
  say(`${passedCount} passed, ${failedCount} failed`);
  if (failedCount > 0) process.exitCode = 1;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  say(error.message);
  process.exitCode = 2;
}
