/** A secret is given as itself, as the name of a variable, or as the path of a file. */
import type { Assignment } from "./assignment.ts";
import type { ReadFile } from "./document.ts";
import type { Environment } from "./environment.ts";
import { formatSource, type Problem, type Source } from "./problem.ts";
import { pathText } from "./setting-fields.ts";

/** Where a secret is set: the group, and the name of the secret itself in it. */
export interface SecretPlace {
  readonly group: readonly string[];
  readonly name: "api_key" | "password";
}

/** Accepted values by dotted key. */
export type Accepted = Map<string, Assignment>;

/** Keeps, of the ways in which one secret is given, the one whose source counts most; two of the same kind contradict. */
export function keepOneSecret(accepted: Accepted, { group, name }: SecretPlace): Problem | undefined {
  const variants = [name, `${name}_env`, `${name}_file`];
  const given = variants.flatMap((variant) => accepted.get(pathText([...group, variant])) ?? []);
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

export type SecretLookup =
  | { readonly kind: "none" }
  | { readonly kind: "found"; readonly secret: string }
  | { readonly kind: "missing"; readonly reference: Assignment; readonly message: string };

/** Follows `NAME_env` and `NAME_file`. */
export function lookUpSecret(
  accepted: Accepted,
  { group, name }: SecretPlace,
  env: Environment,
  readFile: ReadFile,
): SecretLookup {
  const byVariable = accepted.get(pathText([...group, `${name}_env`]));
  if (byVariable !== undefined) {
    const secret = env[String(byVariable.value)];
    if (secret === undefined) return missing(byVariable, "names a variable that is not set");
    return secret === "" ? missing(byVariable, "names a variable that is empty") : { kind: "found", secret };
  }
  const byFile = accepted.get(pathText([...group, `${name}_file`]));
  return byFile === undefined ? { kind: "none" } : lookUpInFile(byFile, readFile);
}

function lookUpInFile(reference: Assignment, readFile: ReadFile): SecretLookup {
  try {
    const secret = readFile(String(reference.value))?.trim();
    if (secret === undefined) return missing(reference, "names a file that does not exist");
    return secret === "" ? missing(reference, "names a file that is empty") : { kind: "found", secret };
  } catch {
    return missing(reference, "names a file that cannot be read");
  }
}

function missing(reference: Assignment, message: string): SecretLookup {
  return { kind: "missing", reference, message };
}
