/** What is wrong with a configuration, in the form in which it is reported: where, which key, what, and what would be right. */

/** Where a value comes from. */
export type Source =
  | { readonly kind: "flag"; readonly flag: string }
  | { readonly kind: "environment"; readonly variable: string }
  | { readonly kind: "file"; readonly path: string; readonly line?: number }
  | { readonly kind: "default" };

export interface Problem {
  readonly source: Source;
  /** Key in its dotted form; absent when the problem is about a source as a whole. */
  readonly key?: string;
  /** The value as it may be shown: redacted, shortened. */
  readonly shownValue?: string;
  /** What is wrong, or what would be right. Never holds a value. */
  readonly message: string;
  readonly hint?: string;
}

export function formatSource(source: Source): string {
  switch (source.kind) {
    case "flag":
      return source.flag;
    case "environment":
      return source.variable;
    case "file":
      return source.line === undefined ? source.path : `${source.path}:${source.line}`;
    case "default":
      return "default";
  }
}

/** One line: `tachikoma.toml:3: websocket.ping_interval_secs = 0: must be ...`. */
export function formatProblem(problem: Problem): string {
  const parts: string[] = [];
  if (problem.source.kind !== "default") parts.push(formatSource(problem.source));
  if (problem.key !== undefined) {
    parts.push(problem.shownValue === undefined ? problem.key : `${problem.key} = ${problem.shownValue}`);
  }
  parts.push(problem.message);
  const line = parts.join(": ");
  return problem.hint === undefined ? line : `${line} (${problem.hint})`;
}
