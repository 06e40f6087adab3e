/**
 * Settings in environment variables: `TACHIKOMA_WEBSOCKET__PING_INTERVAL_SECS=5`. Two underscores separate the parts of a
 * path, so a variable without them is no setting and is left alone, unless it is a setting spelled with one underscore.
 */
import { type Collected, collectText } from "./assignment.ts";
import type { Source } from "./problem.ts";
import { environmentName, NAMED_SECTIONS, SECTION_NAMES, SETTING_FIELDS } from "./setting-fields.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = "TACHIKOMA_";

/** Names of channels and executions that are known already, by section. */
export type KnownNames = (section: string) => readonly string[];

export function collectEnvironment(env: Environment, knownNames: KnownNames, into: Collected): void {
  for (const variable of Object.keys(env).sort()) {
    const value = env[variable];
    if (value === undefined || !variable.startsWith(PREFIX)) continue;
    const source: Source = { kind: "environment", variable };
    const parts = variable.slice(PREFIX.length).split("__");
    const isSetting = parts.length > 1 || SECTION_NAMES.includes(parts[0]!.toLowerCase());
    if (isSetting) collectText(value, settingPath(parts, knownNames), source, into);
    else reportSingleUnderscore(variable, value, source, into);
  }
}

function settingPath(parts: readonly string[], knownNames: KnownNames): string[] {
  const path = parts.map((part) => part.toLowerCase());
  const section = path[0]!;
  if (path.length > 1 && NAMED_SECTIONS.has(section)) {
    path[1] = knownNames(section).find((name) => variablePart(name) === variablePart(parts[1]!)) ?? path[1]!;
  }
  // What the operator names inside of a setting (the variables of a command) keeps its case.
  const isInsideTable = SETTING_FIELDS.some(
    (field) =>
      field.meta.kind === "table" &&
      field.path.length === path.length - 1 &&
      field.path[0] === section &&
      field.path.at(-1) === path.at(-2),
  );
  if (isInsideTable) path[path.length - 1] = parts.at(-1)!;
  return path;
}

/** Variables cannot hold every character of a name: `my-bot` is written `MY_BOT`. */
function variablePart(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

function reportSingleUnderscore(variable: string, value: string, source: Source, into: Collected): void {
  // Kubernetes makes TACHIKOMA_SERVER_PORT=tcp://10.0.0.1:3000 for a service called "tachikoma-server".
  if (/^(tcp|udp|sctp):\/\//.test(value)) return;
  const meant = SETTING_FIELDS.map((field) => environmentName(field.path)).find(
    (name) => name.replaceAll("__", "_") === variable,
  );
  if (meant === undefined) return;
  into.problems.push({
    source,
    message: "two underscores separate a section from its keys",
    hint: `did you mean ${meant}?`,
  });
}
