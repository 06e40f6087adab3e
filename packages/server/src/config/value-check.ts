import type { Assignment } from "./assignment.ts";
import { expectation } from "./expectation.ts";
import type { Problem } from "./problem.ts";
import { REDACTED, redactText } from "./redact.ts";
import type { SettingMeta } from "./setting.ts";
import { backendsWith, pathText } from "./setting-fields.ts";
import { closestName } from "./suggestion.ts";

const MAX_SHOWN_CHARS = 80;

/** What is wrong with one value on its own. */
export function valueProblem(assignment: Assignment, secrets: readonly string[]): Problem | undefined {
  const { resolved, meta, value, path, source } = assignment;
  const about = { source, key: pathText(path), shownValue: showValue(value, meta, secrets) };
  if (resolved.kind === "entry") {
    return typeof value === "string" ? undefined : { ...about, message: "must be a text" };
  }
  const result = resolved.field.schema.safeParse(value);
  if (result.success) return undefined;
  const custom = result.error.issues.find((issue) => issue.code === "custom");
  if (custom !== undefined) return { ...about, message: custom.message };
  const hint = choiceHint(meta, value);
  return { ...about, message: `must be ${expectation(meta)}`, ...(hint === undefined ? {} : { hint }) };
}

/** A value as it may be printed. */
export function showValue(value: unknown, meta: SettingMeta, secrets: readonly string[] = []): string {
  if (meta.isSecret) return value === "" ? '""' : REDACTED;
  if (typeof value === "string") {
    // Before it is cut: half a secret would not be recognised any more.
    const text = redactText(value, secrets);
    return JSON.stringify(text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}...` : text);
  }
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Date) return "a date";
  return value === null ? "null" : "a table";
}

function choiceHint(meta: SettingMeta, value: unknown): string | undefined {
  if (meta.kind !== "choice" || typeof value !== "string") return undefined;
  const closest = closestName(value, meta.choices);
  return closest === undefined ? undefined : `did you mean ${JSON.stringify(closest)}?`;
}

/** A setting of `executions.NAME` that its backend does not have. */
export function foreignKeyProblem(assignment: Assignment, backend: string): Problem | undefined {
  const [section, , key] = assignment.path;
  if (section !== "executions" || key === undefined || key === "backend") return undefined;
  const backends: readonly string[] = backendsWith(key);
  if (backends.includes(backend)) return undefined;
  return {
    source: assignment.source,
    key: pathText(assignment.path),
    message: `does not belong to the backend ${JSON.stringify(backend)}`,
    hint: `it belongs to ${[...new Set(backends)].join(", ")}`,
  };
}
