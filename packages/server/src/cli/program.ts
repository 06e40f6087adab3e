import { closestName } from "../config/suggestion.ts";
import { packageVersion } from "../version.ts";
import { parseArguments } from "./arguments.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { usageFailure } from "./failure.ts";
import { commandHelp, overallHelp } from "./help.ts";
import { reportFailure } from "./report-failure.ts";
import type { Terminal } from "./terminal.ts";

/** Runs one command line; every failure has been reported when this resolves. */
export async function runProgram(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    return await dispatch(argv, terminal);
  } catch (error) {
    return reportFailure(error, terminal);
  }
}

async function dispatch([first, ...rest]: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const { out, err } = terminal;
  switch (first) {
    case undefined:
      err.write(overallHelp(COMMANDS, packageVersion(), err.style));
      return EXIT_CODES.usage;
    case "-h":
    case "--help":
      out.write(overallHelp(COMMANDS, packageVersion(), out.style));
      return EXIT_CODES.ok;
    case "help":
      return await dispatch(rest[0] === undefined ? ["--help"] : [rest[0], "--help"], terminal);
    case "-V":
    case "--version":
      out.write(`${packageVersion()}\n`);
      return EXIT_CODES.ok;
    default:
      return await runCommandNamed(first, rest, terminal);
  }
}

async function runCommandNamed(name: string, argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) {
    const closest = closestName(
      name,
      COMMANDS.map((candidate) => candidate.name),
    );
    const hint = closest === undefined ? "see tachikoma --help" : `did you mean ${closest}?`;
    throw usageFailure(`there is no command ${JSON.stringify(name)}`, hint);
  }
  const args = parseArguments(command, argv);
  if (!args.wantsHelp) return await command.run(args, terminal);
  terminal.out.write(commandHelp(command, terminal.out.style));
  return EXIT_CODES.ok;
}
