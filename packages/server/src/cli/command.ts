/** What a command says about itself (from which arguments are read and help is written) and what it does. */
import type { ParsedArguments } from "./arguments.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Terminal } from "./terminal.ts";

export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  /** Name of the value in the help; absent for an option that takes none. */
  readonly value?: string;
  readonly isMultiple?: boolean;
  readonly summary: string;
  readonly defaultText?: string;
}

export interface PositionalSpec {
  readonly name: string;
  readonly summary: string;
  readonly isOptional?: boolean;
}

export interface Example {
  readonly command: string;
  readonly meaning: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Paragraphs of the command's own help. */
  readonly details?: readonly string[];
  readonly positionals: readonly PositionalSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly Example[];
  run(args: ParsedArguments, terminal: Terminal): Promise<ExitCode>;
}

export const HELP_OPTION: OptionSpec = { name: "help", short: "h", summary: "Show this help" };
