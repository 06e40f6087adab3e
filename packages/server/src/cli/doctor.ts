import type { LoadedSettings } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import { redactText } from "../config/redact.ts";
import type { Finding, Verdict } from "../standalone/doctor.ts";
import type { Command } from "./command.ts";
import { EXIT_CODES } from "./exit-code.ts";
import { FindingPrinter, findingJson } from "./finding-printer.ts";
import { SETTING_OPTIONS, settingsFromArguments } from "./setting-options.ts";

export const doctorCommand: Command = {
  name: "doctor",
  summary: "Check what the server needs: settings, process, database",
  details: [
    "Takes the settings that serve would take and looks at everything that they need, one line for each finding: ok, warning or problem, and what to do. It changes nothing, and may run beside a server.",
    "SQLite: the file, its disk, who has it, its version and its pages. Redis: version, rights of its user, eviction, memory, persistence, replication, latency and clock; in it, it writes a few keys under the server's prefix that go by themselves.",
    "Ends with 0 when there is no problem (warnings are none), else with 1.",
  ],
  positionals: [],
  options: [...SETTING_OPTIONS, { name: "json", summary: "Print JSON instead of lines" }],
  examples: [
    { command: "tachikoma doctor", meaning: "would serve run, and keep what it promises?" },
    {
      command: "tachikoma doctor --database redis://redis.internal:6379 --json",
      meaning: "is that Redis fit? for a program",
    },
  ],
  async run(args, terminal) {
    const { out } = terminal;
    // Loaded here, so that the other commands start without it.
    const { examine, verdictOn } = await import("../standalone/doctor.ts");
    const loaded = settingsFromArguments(args, terminal);
    const findings: Finding[] = [];
    const printer = new FindingPrinter(out);
    const note = (finding: Finding) => {
      findings.push(finding);
      if (!args.has("json")) printer.print(finding);
    };
    if (loaded.kind === "refused") {
      for (const { hint, ...rest } of loaded.problems) {
        note({
          area: "configuration",
          check: "settings",
          level: "problem",
          text: formatProblem(rest),
          advice: hint ?? "see `tachikoma config --docs`",
        });
      }
    } else {
      for (const finding of configurationFindings(loaded)) note(finding);
      for await (const finding of examine(loaded.settings)) note(finding);
    }
    const verdict = verdictOn(findings);
    if (args.has("json")) out.write(`${JSON.stringify(report(findings, verdict), null, 2)}\n`);
    else printer.close(verdict);
    return verdict.isFit ? EXIT_CODES.ok : EXIT_CODES.failure;
  },
};

function configurationFindings({ configPath, sources, warnings }: LoadedSettings): Finding[] {
  return [
    { area: "configuration", check: "settings", level: "ok", text: givenText(configPath, sources.size) },
    ...warnings.map(
      ({ hint, ...rest }): Finding => ({
        area: "configuration",
        check: "settings",
        level: "warning",
        text: formatProblem(rest),
        ...(hint === undefined ? {} : { advice: hint }),
      }),
    ),
  ];
}

function givenText(configPath: string | undefined, givenCount: number): string {
  const file = configPath === undefined ? "no configuration file" : redactText(configPath);
  if (givenCount === 0) return `${file}, every setting has its default`;
  return `${file}, ${givenCount === 1 ? "1 setting is" : `${givenCount} settings are`} given and valid`;
}

function report(findings: readonly Finding[], { isFit, problemCount, warningCount, text }: Verdict): object {
  return {
    ok: isFit,
    problems: problemCount,
    warnings: warningCount,
    verdict: text,
    findings: findings.map(findingJson),
  };
}
