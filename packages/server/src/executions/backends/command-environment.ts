/** What a program needs to find its files and to print text. Everything else in the server's environment may be a secret. */
const PASSED_ON = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LANGUAGE",
  "LC_ALL",
  "LC_CTYPE",
  "TZ",
  "TMPDIR",
] as const;

/** The whole environment of a command: the usual variables, then what is configured, then what this execution is. */
export function commandEnvironment(
  serverEnvironment: Readonly<Record<string, string | undefined>>,
  configured: Readonly<Record<string, string>>,
  execution: { readonly executionId: string; readonly channel: string },
): Record<string, string> {
  const usual = PASSED_ON.flatMap((name): [string, string][] => {
    const value = serverEnvironment[name];
    return value === undefined ? [] : [[name, value]];
  });
  return {
    ...Object.fromEntries(usual),
    ...configured,
    TACHIKOMA_EXECUTION_ID: execution.executionId,
    TACHIKOMA_CHANNEL: execution.channel,
  };
}
