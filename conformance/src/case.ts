import type { RequirementName } from "./requirements.ts";
import type { Trial } from "./trial.ts";

/** One thing that a server has to do, and how to find out whether it does. */
export interface Case {
  /** The rule and a number: `RES-4.2`. */
  readonly id: string;
  readonly rule: string;
  readonly section: string;
  readonly title: string;
  readonly requires: readonly RequirementName[];
  /** Takes seconds because something has to expire; such cases begin first. */
  readonly isSlow: boolean;
  readonly run: (trial: Trial) => Promise<void>;
}

export interface CaseOptions {
  readonly requires?: readonly RequirementName[];
  readonly isSlow?: boolean;
}

type Run = Case["run"];
export type DefineRule = (
  rule: string,
  title: string,
  ...rest: readonly [Run] | readonly [CaseOptions, Run]
) => void;

/** A case before it has its number. */
export type UnnumberedCase = Omit<Case, "id">;

/** The cases of one section of the protocol. */
export function section(title: string, define: (rule: DefineRule) => void): readonly UnnumberedCase[] {
  const cases: UnnumberedCase[] = [];
  define((rule, text, ...rest) => {
    const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest;
    cases.push({
      rule,
      section: title,
      title: text,
      requires: options.requires ?? [],
      isSlow: options.isSlow ?? false,
      run,
    });
  });
  return cases;
}

/** Numbers the cases of each rule in the order in which they stand. */
export function numberCases(cases: readonly UnnumberedCase[]): readonly Case[] {
  const counts = new Map<string, number>();
  return cases.map((one) => {
    const number = (counts.get(one.rule) ?? 0) + 1;
    counts.set(one.rule, number);
    return { id: `${one.rule}.${number}`, ...one };
  });
}

/** Cases that stop or kill the server have it for themselves. */
export function isAlone(one: Case): boolean {
  return one.requires.some((name) => name.startsWith("hook:"));
}
