/** Errors that nobody handled, as a process leaves them in its output. */

const MAX_SHOWN_CHARS = 1_000;

/** What Node says on stderr without anything being wrong. */
const HARMLESS = /ExperimentalWarning|Use `node --trace-warnings|^\s*$/;

export function processErrors(output: { readonly stdout: string; readonly stderr: string }): string[] {
  const errors = output.stdout.split("\n").filter((line) => line.includes("Uncaught error"));
  const stderr = output.stderr
    .split("\n")
    .filter((line) => !HARMLESS.test(line))
    .join("\n");
  if (stderr !== "") errors.push(stderr);
  return errors.map((text) => text.slice(0, MAX_SHOWN_CHARS));
}
