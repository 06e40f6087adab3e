/** The settings in force with where each comes from, as `tachikoma config` shows them: in TOML's spelling, without secrets. */
import { databaseSecretTexts } from "./database-url.ts";
import { formatDurationSecs } from "./duration.ts";
import { formatSource, type Source } from "./problem.ts";
import { REDACTED, redactText } from "./redact.ts";
import type { SettingMeta } from "./setting.ts";
import { camelCase, NAME_PLACEHOLDER, NAMED_SECTIONS, pathText, SETTING_FIELDS } from "./setting-fields.ts";
import type { Settings } from "./settings.ts";

export interface EffectiveValue {
  readonly path: readonly string[];
  /** Plain data that may be shown. */
  readonly value: unknown;
  readonly source: Source;
}

type Sources = ReadonlyMap<string, Source>;

export function effectiveValues(settings: Settings, sources: Sources): EffectiveValue[] {
  const secrets = secretTexts(settings);
  return concreteFields(settings).flatMap(({ path, meta }) =>
    valuesAt(settings, path, meta).map(({ path: valuePath, value }) => ({
      path: valuePath,
      value: shown(value, meta, secrets),
      source: sources.get(pathText(valuePath)) ?? derivedSource(valuePath, sources),
    })),
  );
}

/** TOML with a comment behind each value. */
export function formatEffectiveToml(settings: Settings, sources: Sources): string {
  const lines: string[] = [];
  let table = "";
  for (const { path, value, source } of effectiveValues(settings, sources)) {
    const tableDepth = NAMED_SECTIONS.has(path[0]!) ? 2 : 1;
    const header = `[${pathText(path.slice(0, tableDepth))}]`;
    if (header !== table) lines.push(...(table === "" ? [] : [""]), header);
    table = header;
    const line = `${pathText(path.slice(tableDepth))} = ${tomlValue(value)}`;
    // The key itself is not in the file where the file says where to find it.
    const isDerived = ["api_key", "password"].includes(path.at(-1)!) && source.kind === "default";
    lines.push(isDerived ? `# ${line}` : `${line}  # ${formatSource(source)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Nested like the file, with the sources beside it. */
export function effectiveJson(settings: Settings, sources: Sources): object {
  const values = effectiveValues(settings, sources);
  const document: Record<string, unknown> = {};
  for (const { path, value } of values) place(document, path, value);
  const named = values.map(({ path, source }) => [pathText(path), formatSource(source)]);
  return { settings: document, sources: Object.fromEntries(named) };
}

interface ConcreteField {
  readonly path: readonly string[];
  readonly meta: SettingMeta;
}

function concreteFields(settings: Settings): ConcreteField[] {
  const singles = SETTING_FIELDS.filter((field) => field.path[1] !== NAME_PLACEHOLDER);
  const channels = Object.keys(settings.channels).flatMap((name) => fieldsUnder("channels", name));
  const executions = Object.entries(settings.executions).flatMap(([name, { backend }]) =>
    fieldsUnder("executions", name, backend),
  );
  return [...singles, ...channels, ...executions];
}

function fieldsUnder(section: string, name: string, backend?: string): ConcreteField[] {
  return SETTING_FIELDS.filter(({ path, backends }) => {
    const isForeign = backends !== undefined && !backends.some((candidate) => candidate === backend);
    return path[0] === section && !isForeign;
  }).map(({ path, meta }) => ({ path: [section, name, ...path.slice(2)], meta }));
}

/** The value of a setting, or the entries of a table; nothing where it is not set. */
function valuesAt(
  settings: Settings,
  path: readonly string[],
  meta: SettingMeta,
): Omit<EffectiveValue, "source">[] {
  let value: unknown = settings;
  for (const [depth, part] of path.entries()) {
    const isName = depth === 1 && NAMED_SECTIONS.has(path[0]!);
    value = (value as Record<string, unknown>)[isName ? part : camelCase(part)];
  }
  if (value === undefined) return [];
  if (meta.kind !== "table") return [{ path, value }];
  return Object.entries(value as object).map(([name, entry]) => ({
    path: [...path, name],
    value: entry as unknown,
  }));
}

function derivedSource(path: readonly string[], sources: Sources): Source {
  // A table given as a whole has no source for its entries.
  return sources.get(pathText(path.slice(0, -1))) ?? { kind: "default" };
}

function shown(value: unknown, meta: SettingMeta, secrets: readonly string[]): unknown {
  if (meta.isSecret) return REDACTED;
  if (meta.kind === "duration" && typeof value === "number") return formatDurationSecs(value);
  if (typeof value === "string") return redactText(value, secrets);
  if (Array.isArray(value)) return value.map((item) => redactText(String(item), secrets));
  return value;
}

function secretTexts(settings: Settings): string[] {
  const handlers = Object.values(settings.executions);
  const keys = [settings.security, ...handlers].flatMap((group) => ("apiKey" in group ? [group.apiKey] : []));
  const variables = handlers.flatMap((handler) =>
    handler.backend === "command" ? Object.values(handler.env ?? {}) : [],
  );
  const { url, password } = settings.database;
  return [...keys, ...variables, password, ...databaseSecretTexts(url)].filter(
    (secret) => secret !== undefined,
  );
}

function tomlValue(value: unknown): string {
  return Array.isArray(value)
    ? `[${value.map((item) => JSON.stringify(item)).join(", ")}]`
    : JSON.stringify(value);
}

function place(document: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let table = document;
  for (const part of path.slice(0, -1)) {
    if (!Object.hasOwn(table, part)) table[part] = {};
    table = table[part] as Record<string, unknown>;
  }
  table[path.at(-1)!] = value;
}
