/** Runs `@durable-streams/server-conformance-tests` against a server, in a process of its own with the vitest that it brings. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export interface ConformanceResult {
  readonly passedCount: number;
  /** Each with what it said. */
  readonly failures: readonly string[];
  /** Not run: the block of subscriptions, which is for servers that have them. */
  readonly skipped: readonly string[];
}

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const DEADLINE_MS = 170_000;
const CONFIG = fileURLToPath(new URL("conformance.config.mjs", import.meta.url));
const SUITE = createRequire(import.meta.url).resolve("@durable-streams/server-conformance-tests");
const VITEST = createRequire(SUITE)
  .resolve("vitest/package.json")
  .replace(/package\.json$/, "vitest.mjs");

export async function runConformance(baseUrl: string): Promise<ConformanceResult> {
  const { stdout, stderr } = await output([VITEST, "run", "--config", CONFIG], {
    ...process.env,
    CONFORMANCE_TEST_URL: baseUrl,
  });
  const results = reportIn(stdout, stderr).testResults.flatMap(({ assertionResults }) => assertionResults);
  const having = (...statuses: readonly string[]) =>
    results.filter(({ status }) => statuses.includes(status));
  return {
    passedCount: having("passed").length,
    failures: having("failed").map(
      ({ fullName, failureMessages }) => `${fullName}: ${failureMessages.join(" ").slice(0, 600)}`,
    ),
    skipped: having("pending", "skipped", "todo").map(({ fullName }) => fullName),
  };
}

function reportIn(stdout: string, stderr: string): Report {
  try {
    return JSON.parse(stdout.slice(stdout.indexOf("{"))) as Report;
  } catch {
    throw new Error(`The conformance suite gave no report: ${stdout.slice(-1000)} ${stderr.slice(-2000)}`);
  }
}

/** What the process wrote until it ended, which it does in time or is killed. */
function output(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(process.execPath, argv, { env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`The conformance suite did not end in ${DEADLINE_MS} ms: ${stderr.slice(-2000)}`));
    }, DEADLINE_MS);
    child.once("error", reject);
    child.once("close", () => {
      clearTimeout(timer);
      resolve({ stdout, stderr });
    });
  });
}
