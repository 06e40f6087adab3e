import { basename } from "node:path";
import { type Chunk, TachikomaError } from "@tachikoma/protocol";
import type { ExecutionContext, Handler } from "../handler.ts";
import { type BackendPorts, backendPorts } from "./backend-ports.ts";
import { ChatStream } from "./chat-stream.ts";
import { commandEnvironment } from "./command-environment.ts";
import { COMMAND_LIMITS, type CommandLimits, commandOutput } from "./command-output.ts";
import { type ConversationMessage, readConversation, withSystemPrompt } from "./conversation.ts";
import { OutputTail } from "./output-tail.ts";
import { type ProcessEnd, ProcessGroup } from "./process-group.ts";

export interface CommandOptions {
  /** Program and arguments. There is no shell in between, and nothing of it comes from a client. */
  readonly command: readonly string[];
  /** @default the server's own working directory */
  readonly cwd?: string | undefined;
  /** Variables beside the usual ones (`PATH`, `HOME`, `LANG`, ...). Nothing else of the server's environment is passed on. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Precedes every conversation. */
  readonly system?: string | undefined;
  readonly limits?: Partial<CommandLimits>;
  readonly ports?: Partial<BackendPorts>;
}

type CommandLine = readonly [program: string, ...args: string[]];

/** What of stderr reaches the server's log. */
const MAX_STDERR_BYTES = 4096;

interface Run {
  readonly commandLine: CommandLine;
  readonly options: CommandOptions;
  readonly limits: CommandLimits;
  readonly ports: BackendPorts;
  readonly messages: readonly ConversationMessage[];
  readonly context: ExecutionContext;
}

/**
 * Answers with what a program prints. The conversation arrives on its stdin as `{"messages": [...]}`, followed by the end of the
 * input. A cancel ends the program and everything that it started.
 *
 * @throws TachikomaError CONFIG_INVALID
 * @example
 * const wc = command({ command: ["wc", "-w"] });
 */
export function command(options: CommandOptions): Handler {
  const commandLine = requireCommandLine(options.command);
  const limits = { ...COMMAND_LIMITS, ...options.limits };
  const ports = backendPorts(options.ports);
  return (context) => {
    const messages = withSystemPrompt(readConversation(context.input), options.system);
    return answer({ commandLine, options, limits, ports, messages, context });
  };
}

async function* answer(run: Run): AsyncGenerator<Chunk, void, undefined> {
  yield { type: "start", messageId: run.context.executionId };
  yield { type: "start-step" };
  yield* output(run);
  yield { type: "finish-step" };
  yield { type: "finish", finishReason: "stop" };
}

async function* output(run: Run): AsyncGenerator<Chunk, void, undefined> {
  const { signal } = run.context;
  const { clock } = run.ports;
  signal.throwIfAborted();
  const group = start(run);
  const stop = () => void group.stop();
  signal.addEventListener("abort", stop, { once: true });
  const stderr = new OutputTail(group.stderr, MAX_STDERR_BYTES);
  const stream = new ChatStream();
  try {
    writeConversation(group, run.messages);
    for await (const text of commandOutput(group, run.limits, clock)) {
      // After a cancel the command may still say goodbye, but nobody listens.
      if (!signal.aborted) yield* stream.text(text);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    await group.stop();
    await stderr.finish(clock, run.limits.killGraceMs);
    logStderr(run, stderr.text());
  }
  signal.throwIfAborted();
  requireSuccess(await group.ended, programName(run.commandLine));
  yield* stream.close();
}

function start({ commandLine, options, limits, ports, context }: Run): ProcessGroup {
  try {
    return new ProcessGroup({
      command: commandLine,
      cwd: options.cwd,
      env: commandEnvironment(process.env, options.env ?? {}, context),
      killGraceMs: limits.killGraceMs,
      clock: ports.clock,
    });
  } catch (thrown) {
    const reason = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "no resources";
    throw commandFailed(`The command "${programName(commandLine)}" could not be started (${reason})`);
  }
}

function writeConversation(group: ProcessGroup, messages: readonly ConversationMessage[]): void {
  // A command need not read its input; one that stops reading is no failure either.
  group.stdin.on("error", () => {});
  group.stdin.end(JSON.stringify({ messages }));
}

function requireSuccess(end: ProcessEnd, program: string): void {
  switch (end.kind) {
    case "not-started":
      throw commandFailed(`The command "${program}" could not be started (${end.reason})`);
    case "killed":
      throw commandFailed(`The command "${program}" was ended by ${end.signal}`);
    case "exited":
      if (end.exitCode !== 0)
        throw commandFailed(`The command "${program}" ended with exit code ${end.exitCode}`);
  }
}

function logStderr({ ports, context, commandLine }: Run, stderr: string): void {
  if (stderr === "") return;
  const fields = { executionId: context.executionId, program: programName(commandLine), stderr };
  ports.logger.warn(fields, "The command wrote to stderr");
}

/** Without its folder: clients see it. */
function programName([program]: CommandLine): string {
  return basename(program);
}

function requireCommandLine(given: readonly string[]): CommandLine {
  const [program, ...args] = given;
  if (program === undefined || program === "") {
    throw new TachikomaError("CONFIG_INVALID", "command is empty; it must name a program");
  }
  if (given.some((item) => item.includes("\0"))) {
    throw new TachikomaError("CONFIG_INVALID", "command has an item with a NUL character");
  }
  return [program, ...args];
}

function commandFailed(message: string): TachikomaError {
  return new TachikomaError("COMMAND_FAILED", message);
}
