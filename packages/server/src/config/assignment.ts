/** One value that a source gives to one setting, and how documents and texts are taken apart into such values. */
import type { Problem, Source } from "./problem.ts";
import type { SettingMeta } from "./setting.ts";
import { pathText, type Resolved, resolvePath } from "./setting-fields.ts";
import { closestName } from "./suggestion.ts";
import { unknownKeyHint } from "./unknown-key.ts";

export interface Assignment {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly meta: SettingMeta;
  readonly resolved: Extract<Resolved, { kind: "setting" | "entry" }>;
  readonly source: Source;
}

export interface Collected {
  readonly assignments: Assignment[];
  readonly problems: Problem[];
}

type SourceOf = (path: readonly string[]) => Source;

/** Walks a parsed document down to the settings that it gives. */
export function collectDocument(
  value: unknown,
  path: readonly string[],
  sourceOf: SourceOf,
  into: Collected,
): void {
  const resolved: Resolved = path.length === 0 ? { kind: "group" } : resolvePath(path);
  const isTableSetting = resolved.kind === "setting" && resolved.field.meta.kind === "table";
  switch (resolved.kind) {
    case "unknown":
    case "bad-name":
      into.problems.push(pathProblem(path, resolved, sourceOf(path)));
      return;
    case "group":
      if (isTable(value)) collectEntries(value, path, sourceOf, into);
      else
        into.problems.push({
          source: sourceOf(path),
          key: pathText(path),
          message: "is a group of settings, not a value",
        });
      return;
    case "setting":
    case "entry":
      if (isTableSetting && isTable(value)) collectEntries(value, path, sourceOf, into);
      else
        into.assignments.push({ path, value, meta: resolved.field.meta, resolved, source: sourceOf(path) });
  }
}

function collectEntries(
  table: Readonly<Record<string, unknown>>,
  path: readonly string[],
  sourceOf: SourceOf,
  into: Collected,
): void {
  for (const [key, value] of Object.entries(table)) collectDocument(value, [...path, key], sourceOf, into);
}

/** Takes a value that was given as text, by a variable or a flag. */
export function collectText(text: string, path: readonly string[], source: Source, into: Collected): void {
  const resolved = resolvePath(path);
  if (resolved.kind === "setting" || resolved.kind === "entry") {
    const kind = resolved.kind === "entry" ? "text" : resolved.field.meta.kind;
    collectDocument(decodeText(text, kind), path, () => source, into);
    return;
  }
  if (resolved.kind === "group") {
    const table = parseJson(text);
    if (isTable(table)) collectDocument(table, path, () => source, into);
    else
      into.problems.push({
        source,
        key: pathText(path),
        message: 'must be a table in JSON, such as {"key": "value"}',
      });
    return;
  }
  into.problems.push(pathProblem(path, resolved, source));
}

/** What cannot be decoded stays text, so that the check of the setting reports it. */
function decodeText(text: string, kind: SettingMeta["kind"]): unknown {
  switch (kind) {
    case "boolean":
      return { true: true, false: false, "1": true, "0": false }[text.toLowerCase()] ?? text;
    case "number":
      return /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : text;
    case "list":
    case "table":
      return parseJson(text) ?? text;
    case "duration":
    case "choice":
    case "text":
      return text;
  }
}

/** `undefined` for a text that is not JSON. The parser's own message would quote the text, which may be a secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function pathProblem(
  path: readonly string[],
  resolved: Extract<Resolved, { kind: "unknown" | "bad-name" }>,
  source: Source,
): Problem {
  const key = pathText(path);
  if (resolved.kind === "bad-name") return { source, key, message: `the name ${resolved.fault}` };
  const wrong = path[resolved.depth]!;
  const closest = closestName(wrong, resolved.candidates);
  const better =
    closest === undefined
      ? undefined
      : [...path.slice(0, resolved.depth), closest, ...path.slice(resolved.depth + 1)];
  return { source, key, message: "is not a setting", ...unknownKeyHint(path, better, source) };
}
