/** The reference of all settings in Markdown, read off the same declarations that check them. */
import { formatDurationSecs } from "./duration.ts";
import { BACKENDS } from "./sections/executions.ts";
import type { SettingMeta } from "./setting.ts";
import {
  environmentName,
  NAMED_SECTIONS,
  SECTION_NAMES,
  SETTING_FIELDS,
  type SettingField,
} from "./setting-fields.ts";

export const REFERENCE_START = "<!-- settings:start -->";
export const REFERENCE_END = "<!-- settings:end -->";

const SECTION_INTRODUCTIONS: Readonly<Record<string, string>> = {
  channels:
    "One section for each namespace: `[channels.chat]` holds for every channel named `chat:...` (and for `chat` itself). `[channels.default]` holds for all others, and is where the named ones start from.",
  executions:
    'One section for each handler: `[executions.chat]` is what `execute` with `handler: "chat"` runs. A server without any has one, `chat`, with the backend `demo`.',
};

export function settingsReference(): string {
  return SECTION_NAMES.map(sectionReference).join("\n\n");
}

/** Puts the reference between the markers of a page. */
export function withReference(page: string): string {
  const start = page.indexOf(REFERENCE_START);
  const end = page.indexOf(REFERENCE_END);
  if (start === -1 || end < start)
    throw new Error("The page has no markers for the reference of the settings");
  return `${page.slice(0, start + REFERENCE_START.length)}\n\n${settingsReference()}\n\n${page.slice(end)}`;
}

function sectionReference(section: string): string {
  const title = NAMED_SECTIONS.has(section) ? `[${section}.NAME]` : `[${section}]`;
  const introduction = SECTION_INTRODUCTIONS[section];
  const fields = SETTING_FIELDS.filter((field) => field.path[0] === section);
  const hasBackends = section === "executions";
  const columns = ["Key", ...(hasBackends ? ["Backends"] : []), "Value", "Default", "Meaning", "Variable"];
  const rows = fields.map((field) => row(field, hasBackends));
  return [
    `### \`${title}\``,
    "",
    ...(introduction === undefined ? [] : [introduction, ""]),
    tableRow(columns),
    tableRow(columns.map(() => "---")),
    ...rows.map(tableRow),
  ].join("\n");
}

function row(field: SettingField, hasBackends: boolean): string[] {
  const ownPath = field.path.slice(NAMED_SECTIONS.has(field.path[0]!) ? 2 : 1);
  const { meta } = field;
  const description = meta.isSecret ? `${meta.description} Secret: never printed.` : meta.description;
  return [
    `\`${ownPath.join(".")}\``,
    ...(hasBackends ? [backendText(field)] : []),
    valueText(meta),
    defaultText(meta),
    description,
    `\`${environmentName(field.path)}\``,
  ];
}

function backendText(field: SettingField): string {
  const backends = field.backends ?? BACKENDS;
  return backends.length === BACKENDS.length ? "all" : backends.join(", ");
}

function valueText(meta: SettingMeta): string {
  const unit = meta.unit === undefined ? "" : ` ${meta.unit}`;
  switch (meta.kind) {
    case "boolean":
      return "`true` or `false`";
    case "number":
      return `${meta.word === undefined ? "" : `\`${meta.word}\`, or `}${meta.isInteger ? "integer" : "number"}, ${meta.min} to ${meta.max}${unit}`;
    case "duration":
      return `duration, ${formatDurationSecs(meta.minSecs)} to ${formatDurationSecs(meta.maxSecs)}`;
    case "choice":
      return meta.choices.map((choice) => `\`${choice}\``).join(", ");
    case "text":
      return meta.form ?? "text";
    case "list":
      return `list of ${meta.itemForm}, at most ${meta.maxItems}`;
    case "table":
      return `table of texts, at most ${meta.maxEntries}`;
  }
}

function defaultText(meta: SettingMeta): string {
  if (meta.presence === "required") return "required";
  if (meta.presence === "optional") return "none";
  const value = meta.kind === "duration" ? formatDurationSecs(Number(meta.defaultValue)) : meta.defaultValue;
  return `\`${JSON.stringify(value)}\``;
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
