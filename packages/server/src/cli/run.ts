import type { Chunk, Execution, ExecutionEnd, RestartedDelivery, TachikomaClient } from "@tachikoma/client";
import { errorCodeOf } from "@tachikoma/protocol";
import type { ParsedArguments } from "./arguments.ts";
import { CLIENT_OPTIONS, withClient } from "./client-connection.ts";
import type { Command } from "./command.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { CliFailure, usageFailure } from "./failure.ts";
import { endText, jsonLine, RecordPrinter, restartedText } from "./record-printer.ts";
import { decideSignal, RUNNING } from "./shutdown.ts";
import type { Terminal } from "./terminal.ts";

export const runCommand: Command = {
  name: "run",
  summary: "Run a handler and stream its answer",
  details: [
    "Prints the answer as it comes. Ctrl-C cancels the execution on the server and waits for its end; a second Ctrl-C leaves at once.",
  ],
  positionals: [
    { name: "HANDLER", summary: "Name of the handler, as in [executions.NAME]" },
    { name: "PROMPT", isOptional: true, summary: "What the user says; - reads it from stdin" },
  ],
  options: [
    {
      name: "input",
      short: "i",
      value: "JSON",
      summary: "The whole input of the handler, instead of PROMPT",
    },
    {
      name: "channel",
      value: "NAME",
      summary: "Channel that gets the records",
      defaultText: "a private one",
    },
    { name: "json", summary: "Print each chunk as a line of JSON, and the end as the last one" },
    ...CLIENT_OPTIONS,
  ],
  examples: [
    { command: `tachikoma run chat "Why is the sky blue?"`, meaning: "ask" },
    { command: "tachikoma run wc - < README.md", meaning: "a prompt from a file" },
    {
      command: `tachikoma run chat --channel chat:42 --input '{"messages": [...]}'`,
      meaning: "where others can watch",
    },
  ],
  async run(args, terminal) {
    const input = await handlerInput(args, terminal);
    return await withClient(args, terminal, async (client) => {
      const execution = start(client, args, input);
      return await watch(execution, args.has("json"), terminal);
    });
  },
};

async function handlerInput(args: ParsedArguments, terminal: Terminal): Promise<unknown> {
  const prompt = args.positionals[1];
  const json = args.value("input");
  if (prompt !== undefined && json !== undefined)
    throw usageFailure("run takes a PROMPT or --input, not both");
  if (json !== undefined) return parseInput(json);
  if (prompt === undefined) throw usageFailure("run needs a PROMPT, - for stdin, or --input");
  const content = prompt === "-" ? await terminal.readInput() : prompt;
  return { messages: [{ role: "user", content }] };
}

function parseInput(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw usageFailure("--input is not valid JSON");
  }
}

function start(client: TachikomaClient, args: ParsedArguments, input: unknown): Execution {
  const handler = args.positionals[0]!;
  const channel = args.value("channel");
  return channel === undefined
    ? client.execute(handler, input)
    : client.channel(channel).execute(handler, input);
}

async function watch(execution: Execution, isJson: boolean, terminal: Terminal): Promise<ExitCode> {
  const printer = new RecordPrinter(terminal);
  const interruption = cancelOnInterrupt(execution, printer, terminal);
  // A restart of the stream repeats text that is on the screen already; say so rather than leave it a riddle.
  const stopReset = execution.on("reset", ({ reason }) =>
    printer.notice(`the stream starts again (${reason})`),
  );
  try {
    const end = await Promise.race([print(execution, isJson, printer, terminal), interruption.leaveAtOnce]);
    if (end === "left") return EXIT_CODES.interrupted;
    return conclude(end, isJson, interruption.isRequested(), terminal);
  } finally {
    printer.finish();
    stopReset();
    interruption.stop();
  }
}

async function print(
  execution: Execution,
  isJson: boolean,
  printer: RecordPrinter,
  terminal: Terminal,
): Promise<ExecutionEnd> {
  const executionId = await execution.id;
  let restarted: RestartedDelivery | undefined;
  const stopListening = execution.on("restarted", (delivery) => {
    restarted = delivery;
  });
  const printChunk = (chunk: Chunk) => {
    if (isJson) terminal.out.write(jsonLine({ type: "chunk", executionId, chunk }));
    else printer.printChunk(executionId, chunk);
  };
  while (!(await isPrintedWhole(execution, printChunk))) {
    // Told now, and not when it was heard of: what was read before it is printed first.
    if (restarted === undefined) continue;
    if (isJson) terminal.out.write(jsonLine(restarted));
    else printer.notice(restartedText(restarted));
  }
  stopListening();
  const end = await execution.ended;
  printer.finish();
  return end;
}

/** False when what was printed is void, because another attempt replaces it. */
async function isPrintedWhole(execution: Execution, printChunk: (chunk: Chunk) => void): Promise<boolean> {
  try {
    for await (const chunk of execution) printChunk(chunk);
    return true;
  } catch (thrown) {
    if (errorCodeOf(thrown) === "EXECUTION_RESTARTED") return false;
    throw thrown;
  }
}

function conclude(
  end: ExecutionEnd,
  isJson: boolean,
  isInterrupted: boolean,
  { out, err }: Terminal,
): ExitCode {
  if (isJson) out.write(jsonLine(end));
  else if (err.isTty && end.outcome === "completed") err.write(`${err.style.dim(`-- ${endText(end)}`)}\n`);
  if (isInterrupted && end.outcome !== "failed") return EXIT_CODES.interrupted;
  if (end.outcome === "completed") return EXIT_CODES.ok;
  throw new CliFailure(`the execution did not complete: ${endText(end)}`);
}

interface Interruption {
  readonly leaveAtOnce: Promise<"left">;
  isRequested(): boolean;
  stop(): void;
}

function cancelOnInterrupt(execution: Execution, printer: RecordPrinter, terminal: Terminal): Interruption {
  const { promise: leaveAtOnce, resolve } = Promise.withResolvers<"left">();
  let state = RUNNING;
  const stop = terminal.onSignal(["SIGINT"], () => {
    const next = decideSignal(state, terminal.monotonicMs());
    state = next.state;
    if (next.decision === "stop-at-once") resolve("left");
    if (next.decision !== "stop") return;
    if (terminal.err.isTty) printer.notice("cancelling; Ctrl-C again leaves at once");
    // How it ended is told by the terminal record; that it could not be cancelled is no reason to leave.
    execution.cancel().catch((error: unknown) => printer.notice(`cannot cancel: ${String(error)}`));
  });
  return { leaveAtOnce, isRequested: () => state.requestedAtMs !== undefined, stop };
}
