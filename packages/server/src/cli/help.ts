/** Help for all commands and for each, written from what the commands say about themselves. */
import type { Command, OptionSpec, PositionalSpec } from "./command.ts";
import { HELP_OPTION } from "./command.ts";
import { EXIT_CODE_MEANINGS } from "./exit-code.ts";
import type { Style } from "./style.ts";

const WIDTH = 100;
const INDENT = "  ";

export function overallHelp(commands: readonly Command[], version: string, style: Style): string {
  const rows = commands.map(({ name, summary }) => [name, summary] as const);
  return join([
    `${style.bold("tachikoma")} ${version}: session server for LLM applications`,
    section("Usage", [`${INDENT}tachikoma COMMAND [OPTIONS]`], style),
    section("Commands", columns(rows), style),
    section(
      "Options",
      columns([
        ["-h, --help", "Show this help"],
        ["-V, --version", "Show the version"],
      ]),
      style,
    ),
    section("Exit codes", exitCodes(), style),
    `${INDENT}tachikoma COMMAND --help tells more about a command. TACHIKOMA_DEBUG=1 adds stacks to errors.`,
  ]);
}

export function commandHelp(command: Command, style: Style): string {
  const { name, summary, details = [], positionals, examples } = command;
  const options = [...command.options, HELP_OPTION];
  return join([
    `${style.bold(`tachikoma ${name}`)}: ${summary}`,
    section("Usage", [`${INDENT}${usageLine(command)}`], style),
    ...details.map((paragraph) => wrap(paragraph, WIDTH).join("\n")),
    positionals.length === 0 ? "" : section("Arguments", columns(positionals.map(positionalRow)), style),
    section("Options", columns(options.map(optionRow)), style),
    examples.length === 0 ? "" : section("Examples", exampleLines(command, style), style),
    section("Exit codes", exitCodes(), style),
  ]);
}

export function usageLine({ name, positionals }: Command): string {
  const parts = positionals.map((spec) => (spec.isOptional ? `[${spec.name}]` : spec.name));
  return ["tachikoma", name, ...parts, "[OPTIONS]"].join(" ");
}

function positionalRow({ name, summary }: PositionalSpec): readonly [string, string] {
  return [name, summary];
}

function optionRow({
  name,
  short,
  value,
  isMultiple,
  summary,
  defaultText,
}: OptionSpec): readonly [string, string] {
  const names = `${short === undefined ? "    " : `-${short}, `}--${name}`;
  const notes = [
    ...(isMultiple ? ["may be repeated"] : []),
    ...(defaultText === undefined ? [] : [`default: ${defaultText}`]),
  ];
  const note = notes.length === 0 ? "" : ` (${notes.join("; ")})`;
  return [value === undefined ? names : `${names} ${value}`, `${summary}${note}`];
}

function exampleLines({ examples }: Command, style: Style): string[] {
  return examples.flatMap(({ command, meaning }) => [
    `${INDENT}${style.dim(`# ${meaning}`)}`,
    `${INDENT}${command}`,
  ]);
}

function exitCodes(): string[] {
  return columns(EXIT_CODE_MEANINGS.map(([code, meaning]) => [String(code), meaning] as const));
}

function section(title: string, lines: readonly string[], style: Style): string {
  return [style.bold(`${title}:`), ...lines].join("\n");
}

function join(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const leftWidth = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.flatMap(([left, right]) => {
    const [first = "", ...rest] = wrap(right, Math.max(30, WIDTH - leftWidth - INDENT.length));
    const indent = INDENT + " ".repeat(leftWidth);
    return [`${INDENT}${left.padEnd(leftWidth)}${first}`, ...rest.map((line) => indent + line)];
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
