import { parseArgs } from "node:util";
import { closestName } from "../config/suggestion.ts";
import { type Command, HELP_OPTION, type OptionSpec } from "./command.ts";
import { usageFailure } from "./failure.ts";

export interface ParsedArguments {
  readonly positionals: readonly string[];
  readonly wantsHelp: boolean;
  /** The value of an option; the last one when it is given more than once. */
  value(name: string): string | undefined;
  /** All values of an option. */
  values(name: string): readonly string[];
  has(name: string): boolean;
}

type Tokens = NonNullable<ReturnType<typeof parseArgs>["tokens"]>;
type OptionToken = Extract<Tokens[number], { kind: "option" }>;

/**
 * Reads the arguments of one command. The platform's strict mode is off, because its errors can neither suggest what was
 * meant nor be trusted not to repeat a value.
 */
export function parseArguments(command: Command, argv: readonly string[]): ParsedArguments {
  const specs = [...command.options, HELP_OPTION];
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(specs.map((spec) => [spec.name, platformOption(spec)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const spec = specs.find(({ name }) => name === token.name);
    if (spec === undefined) throw unknownOption(token.rawName, specs, command);
    given.set(spec.name, [...(given.get(spec.name) ?? []), optionValue(spec, token)]);
  }
  const positionals = tokens.flatMap((token) => (token.kind === "positional" ? [token.value] : []));
  const wantsHelp = given.has(HELP_OPTION.name);
  if (!wantsHelp) checkPositionals(command, positionals);
  const values = (name: string) => given.get(name) ?? [];
  return {
    positionals,
    wantsHelp,
    values,
    value: (name) => values(name).at(-1),
    has: (name) => given.has(name),
  };
}

function platformOption({ value, short }: OptionSpec) {
  const type = value === undefined ? ("boolean" as const) : ("string" as const);
  return { type, multiple: true, ...(short === undefined ? {} : { short }) };
}

function optionValue(spec: OptionSpec, token: OptionToken): string {
  if (spec.value === undefined) {
    if (token.value !== undefined) throw usageFailure(`${token.rawName} takes no value`);
    return "true";
  }
  // `--config --port 3` forgot the path; `--set=-x` and `--port -1` mean what they say.
  const looksLikeOption = token.inlineValue === false && /^-[^\d]/.test(token.value ?? "");
  if (token.value === undefined || looksLikeOption)
    throw usageFailure(`${token.rawName} needs a value: ${spec.value}`);
  return token.value;
}

function unknownOption(rawName: string, specs: readonly OptionSpec[], command: Command) {
  const closest = closestName(
    rawName,
    specs.map(({ name }) => name),
  );
  const hint = closest === undefined ? `see tachikoma ${command.name} --help` : `did you mean --${closest}?`;
  return usageFailure(`${command.name} has no option ${rawName}`, hint);
}

function checkPositionals({ name, positionals: specs }: Command, given: readonly string[]): void {
  const missing = specs.find((spec, index) => !spec.isOptional && given[index] === undefined);
  const hint = `see tachikoma ${name} --help`;
  if (missing !== undefined) throw usageFailure(`${name} needs ${missing.name}`, hint);
  if (given.length <= specs.length) return;
  const most = specs.length === 0 ? "no arguments" : `at most ${specs.map((spec) => spec.name).join(" ")}`;
  throw usageFailure(`${name} takes ${most}, and got ${given.length}`, hint);
}
