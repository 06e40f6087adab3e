import { writeFileSync } from "node:fs";
import type { Case } from "../case.ts";
import { ALL_CASES } from "../cases/index.ts";
import { commandHooks } from "../command-hooks.ts";
import { type Profile, ProfileError, readProfile } from "../profile.ts";
import { jsonList, jsonReport } from "../report/json-report.ts";
import { type ReportOutput, TerminalReport } from "../report/terminal-report.ts";
import { REQUIREMENTS } from "../requirements.ts";
import { runCases } from "../run.ts";
import { selectCases } from "../select-cases.ts";
import type { Target } from "../target.ts";
import { Trial } from "../trial.ts";
import { VERSION } from "../version.ts";
import { type CommandLine, parseCommandLine, UsageError } from "./command-line.ts";
import { HELP } from "./help.ts";

const EXIT = { passed: 0, failed: 1, usage: 2, interrupted: 130 } as const;
const NO_PROFILE: Profile = { provides: {}, hooks: {} };
const ALL_LINES = 10_000;

export async function main(argv: readonly string[]): Promise<number> {
  try {
    return await act(parseCommandLine(argv));
  } catch (cause) {
    if (!(cause instanceof UsageError || cause instanceof ProfileError)) throw cause;
    process.stderr.write(`tachikoma-conformance: ${cause.message}\nSee tachikoma-conformance --help\n`);
    return EXIT.usage;
  }
}

async function act(line: CommandLine): Promise<number> {
  const { selected, unknown } = selectCases(ALL_CASES, line.only);
  if (unknown.length > 0) throw new UsageError(`--only: there is no case named ${unknown.join(", ")}`);
  switch (line.action) {
    case "help":
      process.stdout.write(HELP);
      return EXIT.passed;
    case "version":
      process.stdout.write(`${VERSION}\n`);
      return EXIT.passed;
    case "requirements":
      for (const [name, { value, text }] of Object.entries(REQUIREMENTS))
        process.stdout.write(`${name.padEnd(38)} ${value.padEnd(6)}  ${text}\n`);
      return EXIT.passed;
    case "list":
      list(selected, line.jsonPath);
      return EXIT.passed;
    case "run":
      return run(line, selected);
  }
}

function list(cases: readonly Case[], jsonPath: string | undefined): void {
  if (jsonPath !== undefined) return writeJson(jsonPath, jsonList(cases));
  for (const { id, title, requires } of cases) {
    const needs = requires.length === 0 ? "" : `  [${requires.join(", ")}]`;
    process.stdout.write(`${id.padEnd(9)} ${title}${needs}\n`);
  }
}

async function run(line: CommandLine, cases: readonly Case[]): Promise<number> {
  const profile = line.profilePath === undefined ? NO_PROFILE : readProfile(line.profilePath);
  const target: Target = {
    urls: line.urls,
    isSpread: line.isSpread,
    httpBase: line.httpBase,
    token: line.token ?? process.env["TACHIKOMA_TOKEN"] ?? profile.token,
    namespace: line.namespace ?? profile.namespace ?? "conformance",
    provisions: { ...profile.provides, ...line.provisions },
    deadlineMs: line.timeoutMs,
    runId: Date.now().toString(36),
  };
  await requireServer(target);
  // What a program reads from standard output must not be mixed with what people read.
  const output = streamOutput(line.jsonPath === "-" ? process.stderr : process.stdout);
  output.write(`tachikoma-conformance ${VERSION}: ${cases.length} cases for ${line.urls.join(" ")}\n`);
  const report = new TerminalReport(output, cases);
  const startedAt = new Date();
  const startedAtMs = performance.now();
  const durationMs = () => performance.now() - startedAtMs;
  process.once("SIGINT", () => {
    report.summary(durationMs());
    process.exit(EXIT.interrupted);
  });
  const results = await runCases({
    target,
    cases,
    hooks: commandHooks(profile.hooks, target),
    jobs: line.jobs,
    ...(line.isVerbose ? { maxTranscriptLines: ALL_LINES } : {}),
    onStart: (one) => report.started(one),
    onResult: (result) => report.ended(result),
  });
  report.summary(durationMs());
  if (line.jsonPath !== undefined)
    writeJson(line.jsonPath, jsonReport({ target, results, startedAt, durationMs: durationMs() }));
  return results.some(({ status }) => status === "failed") ? EXIT.failed : EXIT.passed;
}

/** A server that is not there, or does not open, is no finding. */
async function requireServer(target: Target): Promise<void> {
  for (const [node, url] of target.urls.entries()) {
    const trial = new Trial(target, {}, new Map());
    const answer = await trial.knock({ node }).catch((cause: unknown) => {
      throw new UsageError(`${url} cannot be reached: ${cause instanceof Error ? cause.message : cause}`);
    });
    if (answer.status === 101) continue;
    const hint = answer.status === 401 ? "; it needs --token" : "";
    throw new UsageError(`${url} refuses to connect: ${answer.status} ${answer.text.slice(0, 200)}${hint}`);
  }
}

function writeJson(path: string, value: object): void {
  const text = `${JSON.stringify(value, undefined, 2)}\n`;
  if (path === "-") process.stdout.write(text);
  else writeFileSync(path, text);
}

function streamOutput(stream: NodeJS.WriteStream): ReportOutput {
  const isTty = stream.isTTY === true;
  const noColour = (process.env["NO_COLOR"] ?? "") !== "" || process.env["TERM"] === "dumb";
  return {
    isTty,
    isColoured: isTty && !noColour,
    columns: stream.columns ?? 80,
    write: (text) => {
      stream.write(text);
    },
  };
}
