/**
 * Adds up the tests (vitest's JSON report) and the steps (the summary of `check`), each with the exit code of its command.
 * Nothing may pass by not having run: a missing report, no tests at all, or a bad exit code that no failure explains each
 * count as one failure.
 *
 * @param {{tests?: any, testsCode: number, check?: any, checkCode: number}} run
 */
export function summarize({ tests, testsCode, check, checkCode }) {
  const fromTests = countTests(tests, testsCode);
  const fromCheck = countSteps(check, checkCode);
  return {
    passedCount: fromTests.passedCount + fromCheck.passedCount,
    failedCount: fromTests.failedCount + fromCheck.failedCount,
    notes: [...fromTests.notes, ...fromCheck.notes],
  };
}

function countTests(report, exitCode) {
  if (report === undefined) return failure("npm test left no report");
  const results = report.testResults.flatMap((file) => {
    // A file that cannot be loaded has no tests that could fail.
    const isBroken = file.status === "failed" && file.assertionResults.length === 0;
    return isBroken ? [{ status: "failed", fullName: file.name }] : file.assertionResults;
  });
  const count = (status) => results.filter((result) => result.status === status).length;
  const passedCount = count("passed");
  const failed = results.filter((result) => result.status === "failed");
  const notes = failed.map((result) => `failed: ${result.fullName}`);
  const skippedCount = results.length - passedCount - failed.length;
  notes.push(`tests: ${passedCount} passed, ${failed.length} failed, ${skippedCount} skipped`);
  if (results.length === 0 || passedCount + failed.length === 0) return failure("no test ran");
  if (exitCode !== 0 && failed.length === 0) {
    return { passedCount, failedCount: 1, notes: [...notes, `npm test ended with exit code ${exitCode}`] };
  }
  return { passedCount, failedCount: failed.length, notes };
}

function countSteps(summary, exitCode) {
  if (summary === undefined) return failure("npm run check left no summary");
  const { passedCount, failedCount, results } = summary;
  const notes = results
    .filter(({ result }) => result === "FAIL")
    .map(({ name }) => `failed: check step ${name}`);
  notes.push(`steps: ${passedCount} passed, ${failedCount} failed`);
  if (passedCount + failedCount === 0) return failure("no step of npm run check ran");
  if (exitCode !== 0 && failedCount === 0) {
    return {
      passedCount,
      failedCount: 1,
      notes: [...notes, `npm run check ended with exit code ${exitCode}`],
    };
  }
  return { passedCount, failedCount, notes };
}

function failure(note) {
  return { passedCount: 0, failedCount: 1, notes: [note] };
}
