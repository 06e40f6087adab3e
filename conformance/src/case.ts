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

/** The cases of one section of the protocol, numbered within their rule in the order in which they stand. */
export function section(title: string, define: (rule: DefineRule) => void): readonly Case[] {
  const cases: Case[] = [];
  define((rule, text, ...rest) => {
    const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest;
    const number = cases.filter((one) => one.rule === rule).length + 1;
    cases.push({
      id: `${rule}.${number}`,
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

/** Cases that stop or kill the server have it for themselves. */
export function isAlone(one: Case): boolean {
  return one.requires.some((name) => name.startsWith("hook:"));
}
