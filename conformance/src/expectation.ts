/** What a case holds against the server. A failed one is a finding, so its text says what was expected and what came. */
import { isDeepStrictEqual } from "node:util";

const MAX_SHOWN_CHARS = 400;

export class ExpectationError extends Error {
  override readonly name = "ExpectationError";
}

/** The claim holds, or the case fails with the text. */
export function holds(claim: boolean, text: string): asserts claim {
  if (!claim) throw new ExpectationError(text);
}

export function equals(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new ExpectationError(`${what}: expected ${shown(expected)}, got ${shown(actual)}`);
}

export function isOneOf(actual: unknown, allowed: readonly unknown[], what: string): void {
  if (allowed.some((value) => isDeepStrictEqual(actual, value))) return;
  throw new ExpectationError(
    `${what}: expected one of ${allowed.map(shown).join(", ")}, got ${shown(actual)}`,
  );
}

/** Each field of `expected` is in `actual` with the same value; what else is there does not matter. */
export function hasFields(actual: unknown, expected: object): boolean {
  if (typeof actual !== "object" || actual === null) return false;
  return Object.entries(expected).every(
    ([name, value]) => value === undefined || isDeepStrictEqual(Reflect.get(actual, name), value),
  );
}

export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
}
