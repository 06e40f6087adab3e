/** The options of `serve` and `config` that give settings. Their help is that of the settings. */
import { readFileSync } from "node:fs";
import type { SettingFlag } from "../config/flag.ts";
import { type LoadedSettings, loadSettings, type RefusedSettings } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import { pathText, SETTING_FIELDS } from "../config/setting-fields.ts";
import type { ParsedArguments } from "./arguments.ts";
import type { OptionSpec } from "./command.ts";
import { EXIT_CODES } from "./exit-code.ts";
import { CliFailure, usageFailure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** Settings that have an option of their own, by the option's name. */
const SHORTCUTS: readonly {
  readonly name: string;
  readonly key: string;
  readonly value?: string;
  readonly short?: string;
}[] = [
  { name: "port", short: "p", key: "server.port", value: "N" },
  { name: "host", key: "server.host", value: "HOST" },
  { name: "workers", key: "server.workers", value: "N" },
  { name: "database", key: "database.url", value: "URL" },
  { name: "data-dir", key: "server.data_dir", value: "PATH" },
  { name: "public-url", key: "server.public_url", value: "URL" },
  { name: "log-level", key: "server.log_level", value: "LEVEL" },
  { name: "log-format", key: "server.log_format", value: "FORMAT" },
  { name: "allow-unauthenticated-remote", key: "server.allow_unauthenticated_remote" },
];

export const SETTING_OPTIONS: readonly OptionSpec[] = [
  {
    name: "config",
    short: "c",
    value: "PATH",
    summary: "Configuration file",
    defaultText: "TACHIKOMA_CONFIG, else tachikoma.toml if there is one",
  },
  ...SHORTCUTS.map(({ key, ...option }) => ({ ...option, ...factsOf(key) })),
  {
    name: "set",
    value: "KEY=VALUE",
    isMultiple: true,
    summary: "Any other setting, as in websocket.ping_interval_secs=5",
  },
];

function factsOf(key: string): Pick<OptionSpec, "summary" | "defaultText"> {
  const meta = SETTING_FIELDS.find((field) => pathText(field.path) === key)!.meta;
  const choices = meta.kind === "choice" ? ` One of ${meta.choices.join(", ")}.` : "";
  const summary = `${meta.description.replaceAll("`", "")}${choices}`.replace(/\.$/, "");
  return meta.presence === "default" && meta.kind !== "boolean"
    ? { summary, defaultText: String(meta.defaultValue) }
    : { summary };
}

/** The settings, or everything that is wrong with them. */
export function settingsFromArguments(
  args: ParsedArguments,
  terminal: Terminal,
): LoadedSettings | RefusedSettings {
  const configPath = args.value("config");
  return loadSettings({
    flags: settingFlags(args),
    env: terminal.env,
    readFile: readFileIfThere,
    ...(configPath === undefined ? {} : { configPath }),
  });
}

/** Loads the settings or fails with every problem; warnings go to stderr. */
export function loadFromArguments(args: ParsedArguments, terminal: Terminal): LoadedSettings {
  const loaded = settingsFromArguments(args, terminal);
  if (loaded.kind === "loaded") return loaded;
  const count = loaded.problems.length;
  const lines = loaded.problems.map((problem) => `  ${formatProblem(problem)}`);
  const heading = count === 1 ? "the configuration has a problem" : `the configuration has ${count} problems`;
  // Only what stands on the command line is a usage error.
  const isUsage = loaded.problems.every((problem) => problem.source.kind === "flag");
  throw new CliFailure([`${heading}:`, ...lines].join("\n"), {
    exitCode: isUsage ? EXIT_CODES.usage : EXIT_CODES.failure,
  });
}

export function reportWarnings({ warnings }: LoadedSettings, terminal: Terminal): void {
  const { err } = terminal;
  for (const warning of warnings) err.write(`${err.style.yellow("warning:")} ${formatProblem(warning)}\n`);
}

function settingFlags(args: ParsedArguments): SettingFlag[] {
  const shortcuts = SHORTCUTS.flatMap(({ name, key }) => {
    const value = args.value(name);
    return value === undefined ? [] : [{ flag: `--${name}`, key, value }];
  });
  const generic = args.values("set").map((text) => {
    const equals = text.indexOf("=");
    // What stands there may be a secret, so it is not repeated.
    if (equals < 1) throw usageFailure("--set needs KEY=VALUE", "as in --set server.port=4000");
    return { flag: "--set", key: text.slice(0, equals).trim(), value: text.slice(equals + 1) };
  });
  return [...shortcuts, ...generic];
}

function readFileIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
