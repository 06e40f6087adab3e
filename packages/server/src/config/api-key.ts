/** A key is given as itself, as the name of a variable, or as the path of a file. */
import type { Assignment } from "./assignment.ts";
import type { ReadFile } from "./document.ts";
import type { Environment } from "./environment.ts";
import { formatSource, type Problem, type Source } from "./problem.ts";
import { pathText } from "./setting-fields.ts";

const VARIANTS = ["api_key", "api_key_env", "api_key_file"];

/** Accepted values by dotted key. */
export type Accepted = Map<string, Assignment>;

/** Keeps, of the ways in which one key is given, the one whose source counts most; two of the same kind contradict. */
export function keepOneApiKey(accepted: Accepted, group: readonly string[]): Problem | undefined {
  const given = VARIANTS.flatMap((variant) => accepted.get(pathText([...group, variant])) ?? []);
  const weight = Math.max(...given.map((assignment) => sourceWeight(assignment.source)));
  const strongest = given.filter((assignment) => sourceWeight(assignment.source) === weight);
  for (const assignment of given) {
    if (!strongest.includes(assignment)) accepted.delete(pathText(assignment.path));
  }
  const [first, second] = strongest;
  if (first === undefined || second === undefined) return undefined;
  return {
    source: second.source,
    key: pathText(second.path),
    message: `contradicts ${pathText(first.path)} (${formatSource(first.source)}): give one of them`,
  };
}

function sourceWeight(source: Source): number {
  return ["default", "file", "environment", "flag"].indexOf(source.kind);
}

export type ApiKeyLookup =
  | { readonly kind: "none" }
  | { readonly kind: "found"; readonly apiKey: string }
  | { readonly kind: "missing"; readonly reference: Assignment; readonly message: string };

/** Follows `api_key_env` and `api_key_file`. */
export function lookUpApiKey(
  accepted: Accepted,
  group: readonly string[],
  env: Environment,
  readFile: ReadFile,
): ApiKeyLookup {
  const byVariable = accepted.get(pathText([...group, "api_key_env"]));
  if (byVariable !== undefined) {
    const apiKey = env[String(byVariable.value)];
    if (apiKey === undefined) return missing(byVariable, "names a variable that is not set");
    return apiKey === "" ? missing(byVariable, "names a variable that is empty") : { kind: "found", apiKey };
  }
  const byFile = accepted.get(pathText([...group, "api_key_file"]));
  return byFile === undefined ? { kind: "none" } : lookUpInFile(byFile, readFile);
}

function lookUpInFile(reference: Assignment, readFile: ReadFile): ApiKeyLookup {
  try {
    const apiKey = readFile(String(reference.value))?.trim();
    if (apiKey === undefined) return missing(reference, "names a file that does not exist");
    return apiKey === "" ? missing(reference, "names a file that is empty") : { kind: "found", apiKey };
  } catch {
    return missing(reference, "names a file that cannot be read");
  }
}

function missing(reference: Assignment, message: string): ApiKeyLookup {
  return { kind: "missing", reference, message };
}
