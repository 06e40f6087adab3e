/** How a command ends. Scripts rely on these numbers. */
export const EXIT_CODES = {
  ok: 0,
  failure: 1,
  usage: 2,
  unreachable: 3,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

export const EXIT_CODE_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT_CODES.ok, "done"],
  [EXIT_CODES.failure, "failed"],
  [EXIT_CODES.usage, "the command line is wrong"],
  [EXIT_CODES.unreachable, "cannot connect to the server"],
  [EXIT_CODES.interrupted, "interrupted (Ctrl-C)"],
];
