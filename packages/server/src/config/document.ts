import { parse, TomlError } from "smol-toml";
import { type Collected, collectDocument } from "./assignment.ts";
import type { Environment } from "./environment.ts";
import type { Problem, Source } from "./problem.ts";
import { findTomlLines, lineOfPath } from "./toml-lines.ts";

export const DEFAULT_CONFIG_PATH = "tachikoma.toml";

/** The text of a file; `undefined` when there is no such file. Throws when it cannot be read. */
export type ReadFile = (path: string) => string | undefined;

interface ConfigFile {
  readonly path: string;
  /** Who asked for this file; absent for the one that is used when it happens to be there. */
  readonly askedBy?: Source;
}

/** `--config`, then `TACHIKOMA_CONFIG`, then `./tachikoma.toml`. */
export function chooseConfigFile(flagPath: string | undefined, env: Environment): ConfigFile {
  if (flagPath !== undefined) return { path: flagPath, askedBy: { kind: "flag", flag: "--config" } };
  const variable = "TACHIKOMA_CONFIG";
  const path = env[variable];
  if (path !== undefined && path !== "") return { path, askedBy: { kind: "environment", variable } };
  return { path: DEFAULT_CONFIG_PATH };
}

/** Collects what the file says; returns false when there is no file and none was asked for. */
export function collectConfigFile(file: ConfigFile, readFile: ReadFile, into: Collected): boolean {
  const text = readText(file.path, readFile);
  if (text === undefined) {
    if (file.askedBy === undefined) return false;
    into.problems.push({ source: file.askedBy, message: `there is no file ${file.path}` });
    return true;
  }
  if (typeof text !== "string") {
    into.problems.push({ source: { kind: "file", path: file.path }, message: text.fault });
    return true;
  }
  const parsed = parseToml(text, file.path);
  if ("problem" in parsed) {
    into.problems.push(parsed.problem);
    return true;
  }
  const lines = findTomlLines(text);
  const sourceOf = (path: readonly string[]): Source => {
    const line = lineOfPath(lines, path);
    return { kind: "file", path: file.path, ...(line === undefined ? {} : { line }) };
  };
  collectDocument(parsed.document, [], sourceOf, into);
  return true;
}

function readText(path: string, readFile: ReadFile): string | undefined | { readonly fault: string } {
  try {
    return readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    return { fault: `cannot be read${code}` };
  }
}

function parseToml(
  text: string,
  path: string,
): { readonly document: unknown } | { readonly problem: Problem } {
  try {
    return { document: parse(text) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Only the first line: what follows quotes the file, which may hold secrets.
    const message = error.message.split("\n", 1)[0]!.replace("Invalid TOML document: ", "");
    return {
      problem: {
        source: { kind: "file", path, line: error.line },
        message: `is not valid TOML: column ${error.column}: ${message}`,
      },
    };
  }
}
