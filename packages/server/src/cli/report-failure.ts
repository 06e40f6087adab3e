import { errorCodeOf } from "@tachikoma/protocol";
import { redactText } from "../config/redact.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { CliFailure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** Says on stderr what went wrong, in one line and a hint. */
export function reportFailure(error: unknown, { err, env }: Terminal): ExitCode {
  const { red, dim } = err.style;
  err.write(`${red("tachikoma:")} ${redactText(messageOf(error))}\n`);
  const hint = error instanceof CliFailure ? error.hint : undefined;
  if (hint !== undefined) err.write(`${dim("hint:")} ${redactText(hint)}\n`);
  if (env["TACHIKOMA_DEBUG"] === "1" && error instanceof Error) err.write(`${redactText(stackOf(error))}\n`);
  return error instanceof CliFailure ? error.exitCode : EXIT_CODES.failure;
}

function messageOf(error: unknown): string {
  if (error instanceof CliFailure) return error.message;
  const message = error instanceof Error ? error.message : String(error);
  const code = errorCodeOf(error);
  return code === undefined ? message : `${message} (${code})`;
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
