import type { Subscription } from "@tachikoma/client";
import { CLIENT_OPTIONS, withClient } from "./client-connection.ts";
import type { Command } from "./command.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { CliFailure, usageFailure } from "./failure.ts";
import { jsonLine, RecordPrinter } from "./record-printer.ts";
import type { Terminal } from "./terminal.ts";

export const tailCommand: Command = {
  name: "tail",
  summary: "Follow a channel",
  details: [
    "Prints what is published on a channel, and the text of executions as it comes, until Ctrl-C. After a lost connection it continues where it was.",
  ],
  positionals: [{ name: "CHANNEL", summary: "Name of the channel, as in chat:42" }],
  options: [
    {
      name: "since",
      value: "PLACE",
      summary: "Where to begin: start (of what is kept) or head",
      defaultText: "head",
    },
    { name: "json", summary: "Print each record as a line of JSON, with its position" },
    ...CLIENT_OPTIONS,
  ],
  examples: [
    { command: "tachikoma tail chat:42", meaning: "what comes from now on" },
    { command: "tachikoma tail chat:42 --since start --json", meaning: "all that is kept, for a program" },
  ],
  async run(args, terminal) {
    const since = args.value("since") ?? "head";
    if (since !== "start" && since !== "head") throw usageFailure("--since must be start or head");
    return await withClient(args, terminal, async (client) => {
      const subscription = client.channel(args.positionals[0]!).subscribe({ since });
      return await follow(subscription, args.has("json"), terminal);
    });
  },
};

async function follow(subscription: Subscription, isJson: boolean, terminal: Terminal): Promise<ExitCode> {
  let isInterrupted = false;
  const stopListening = terminal.onSignal(["SIGINT"], () => {
    isInterrupted = true;
    subscription.unsubscribe();
  });
  const ended: { error?: Error } = {};
  subscription.on("closed", ({ error }) => {
    if (error !== undefined) ended.error = error;
  });
  const printer = new RecordPrinter(terminal);
  try {
    for await (const delivery of subscription) {
      if (isJson) terminal.out.write(jsonLine(delivery));
      else printer.print(delivery);
    }
  } finally {
    printer.finish();
    stopListening();
  }
  if (isInterrupted) return EXIT_CODES.interrupted;
  throw ended.error ?? new CliFailure("the subscription ended");
}
