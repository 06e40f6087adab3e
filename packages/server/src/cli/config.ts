import { effectiveJson, formatEffectiveToml } from "../config/effective.ts";
import { settingsReference } from "../config/reference.ts";
import type { Command } from "./command.ts";
import { EXIT_CODES } from "./exit-code.ts";
import { usageFailure } from "./failure.ts";
import { loadFromArguments, reportWarnings, SETTING_OPTIONS } from "./setting-options.ts";

export const configCommand: Command = {
  name: "config",
  summary: "Show the settings in force and where each comes from",
  details: [
    "Reads flags, TACHIKOMA_* variables and the configuration file as serve does, checks them, and prints the result as TOML. Secrets are not shown. Ends with an error when serve would refuse to start.",
  ],
  positionals: [],
  options: [
    ...SETTING_OPTIONS,
    { name: "json", summary: "Print JSON instead of TOML" },
    { name: "docs", summary: "Print the reference of all settings in Markdown, and check nothing" },
  ],
  examples: [
    { command: "tachikoma config", meaning: "what would serve use?" },
    { command: "TACHIKOMA_SERVER__PORT=4000 tachikoma config --json", meaning: "the same for a program" },
  ],
  async run(args, terminal) {
    if (args.has("docs") && args.has("json")) throw usageFailure("--docs and --json cannot be used together");
    if (args.has("docs")) {
      terminal.out.write(`${settingsReference()}\n`);
      return EXIT_CODES.ok;
    }
    const loaded = loadFromArguments(args, terminal);
    reportWarnings(loaded, terminal);
    const { settings, sources } = loaded;
    const text = args.has("json")
      ? `${JSON.stringify(effectiveJson(settings, sources), null, 2)}\n`
      : formatEffectiveToml(settings, sources);
    terminal.out.write(text);
    return EXIT_CODES.ok;
  },
};
