import type { Case } from "./case.ts";

/**
 * The cases that `--only` names: a family (`RES` or `RES-`), a rule (`RES-4`) or a case (`RES-4.2`).
 *
 * @returns the cases, and the names that match none
 */
export function selectCases(
  cases: readonly Case[],
  names: readonly string[],
): { readonly selected: readonly Case[]; readonly unknown: readonly string[] } {
  if (names.length === 0) return { selected: cases, unknown: [] };
  return {
    selected: cases.filter((one) => names.some((name) => isNamed(one, name))),
    unknown: names.filter((name) => !cases.some((one) => isNamed(one, name))),
  };
}

function isNamed({ id, rule }: Case, name: string): boolean {
  return id === name || rule === name || rule.startsWith(name.endsWith("-") ? name : `${name}-`);
}
