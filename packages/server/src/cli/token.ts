import { randomBytes } from "node:crypto";
import type { Command } from "./command.ts";
import { EXIT_CODES } from "./exit-code.ts";

const API_KEY_BYTES = 32;

export const tokenCommand: Command = {
  name: "token",
  summary: "Make a fresh API key for the server",
  details: [
    "Prints a random key of 256 bits on stdout, alone, and on stderr how to use it. The key is not stored anywhere.",
  ],
  positionals: [],
  options: [],
  examples: [
    { command: "tachikoma token", meaning: "show a key and where to put it" },
    { command: "tachikoma token > api.key", meaning: "keep it in a file, for security.api_key_file" },
  ],
  async run(_args, { out, err }) {
    const apiKey = `tk_${randomBytes(API_KEY_BYTES).toString("base64url")}`;
    out.write(`${apiKey}\n`);
    const shown = out.isTty && err.isTty ? apiKey : "THE_KEY";
    err.write(
      [
        "",
        err.style.dim("# for the server, as a variable"),
        `TACHIKOMA_SECURITY__API_KEY=${shown}`,
        err.style.dim("# or in tachikoma.toml, under [security]"),
        `api_key = "${shown}"`,
        err.style.dim("# for clients: tail, send and run read the same variable, or TACHIKOMA_TOKEN"),
        "",
      ].join("\n"),
    );
    return EXIT_CODES.ok;
  },
};
