import { CLIENT_OPTIONS, withClient } from "./client-connection.ts";
import type { Command } from "./command.ts";
import { EXIT_CODES } from "./exit-code.ts";

export const sendCommand: Command = {
  name: "send",
  summary: "Publish a message on a channel",
  details: ["Prints the position of the message when it is stored. What is not JSON is sent as text."],
  positionals: [
    { name: "CHANNEL", summary: "Name of the channel, as in chat:42" },
    { name: "DATA", summary: "JSON or text; - reads it from stdin" },
  ],
  options: [{ name: "text", summary: "Send DATA as text, even if it is JSON" }, ...CLIENT_OPTIONS],
  examples: [
    { command: `tachikoma send notifications '{"title": "Build passed"}'`, meaning: "an object" },
    { command: "git log -1 | tachikoma send chat:42 -", meaning: "what another program says" },
  ],
  async run(args, terminal) {
    const [channel, given] = args.positionals as readonly [string, string];
    const text = given === "-" ? await terminal.readInput() : given;
    const data = args.has("text") ? text : jsonOrText(text);
    const { position } = await withClient(args, terminal, (client) => client.channel(channel).publish(data));
    terminal.out.write(`${position}\n`);
    return EXIT_CODES.ok;
  },
};

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
