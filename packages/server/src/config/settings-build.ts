import type { z } from "zod";
import type { Assignment } from "./assignment.ts";
import type { Problem, Source } from "./problem.ts";
import type { Accepted } from "./secret-setting.ts";
import { camelCase, NAMED_SECTIONS, pathText, snakeCase } from "./setting-fields.ts";
import { DEFAULT_NAMESPACE, type Settings, settingsSchema } from "./settings.ts";

/** Fills in the defaults. `undefined` (with problems) when something required is missing. */
export function buildSettings(
  accepted: Accepted,
  sources: Map<string, Source>,
  problems: Problem[],
): Settings | undefined {
  const document = emptyTable();
  for (const { path, value, source } of withChannelDefaults([...accepted.values()])) {
    sources.set(pathText(path), source);
    place(document, path, value);
  }
  if (document["channels"] !== undefined) {
    const channels = document["channels"] as Table;
    channels[DEFAULT_NAMESPACE] ??= emptyTable();
  }
  const result = settingsSchema.safeParse(document);
  if (result.success) return result.data;
  problems.push(...missingProblems(result.error, accepted, problems));
  return undefined;
}

type Table = Record<string, unknown>;

function emptyTable(): Table {
  // No prototype: a channel may be called `constructor`.
  return Object.create(null) as Table;
}

function place(document: Table, path: readonly string[], value: unknown): void {
  let table = document;
  for (const [depth, part] of path.slice(0, -1).entries()) {
    const key = keyAt(path, depth, part);
    table[key] ??= emptyTable();
    table = table[key] as Table;
  }
  table[keyAt(path, path.length - 1, path.at(-1)!)] = value;
}

/** Names that the operator chose stay as they are. */
function keyAt(path: readonly string[], depth: number, part: string): string {
  const isNamed = NAMED_SECTIONS.has(path[0]!);
  const isOwnName = isNamed && depth === 1;
  const isTableEntry = path[0] === "executions" && depth === 3;
  return isOwnName || isTableEntry ? part : camelCase(part);
}

/** Every namespace starts from what `[channels.default]` says. */
function withChannelDefaults(assignments: readonly Assignment[]): Assignment[] {
  const defaults = assignments.filter(({ path }) => path[0] === "channels" && path[1] === DEFAULT_NAMESPACE);
  const namespaces = new Set(
    assignments.filter(({ path }) => path[0] === "channels").map(({ path }) => path[1]!),
  );
  namespaces.delete(DEFAULT_NAMESPACE);
  const inherited = [...namespaces].flatMap((namespace) =>
    defaults.map((assignment) => ({
      ...assignment,
      path: ["channels", namespace, ...assignment.path.slice(2)],
    })),
  );
  return [...inherited, ...assignments];
}

/** What is left to find after every value was checked: a setting that must be there and is not. */
function missingProblems(error: z.ZodError, accepted: Accepted, known: readonly Problem[]): Problem[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") return [];
    const path = issue.path.map(String);
    const snakePath = path.map((part, depth) =>
      NAMED_SECTIONS.has(path[0]!) && depth === 1 ? part : snakeCase(part),
    );
    const key = pathText(snakePath);
    if (known.some((problem) => problem.key === key)) return [];
    const sibling = [...accepted.values()].find(
      (other) => other.path[0] === path[0] && other.path[1] === path[1],
    );
    const message = "is required";
    return [
      { source: sibling?.source ?? { kind: "default" }, key, message, ...missingHint(snakePath, accepted) },
    ];
  });
}

function missingHint(path: readonly string[], accepted: Accepted): { readonly hint: string } | undefined {
  if (path.at(-1) === "backend")
    return { hint: 'one of "openai-compatible", "anthropic", "command", "demo"' };
  const backend = accepted.get(pathText([...path.slice(0, 2), "backend"]));
  return backend === undefined
    ? undefined
    : { hint: `the backend ${JSON.stringify(backend.value)} needs it` };
}
