import { existsSync, statSync } from "node:fs";
import type { Command } from "./command.ts";
import { DATABASE_OPTIONS, databaseFile } from "./database-file.ts";
import { EXIT_CODES } from "./exit-code.ts";
import { CliFailure } from "./failure.ts";
import { ProgressLine } from "./progress-line.ts";

export const backupCommand: Command = {
  name: "backup",
  summary: "Copy the SQLite database, also while a server uses it",
  details: [
    "The copy is the database as it was when the command began, complete and in one file. It is checked before it gets its name; until then it is called DEST.unfinished. The server is not kept from writing.",
    "To restore: stop the server, put the copy in the place of the database, remove the files ending in -wal and -shm beside it, start the server.",
  ],
  positionals: [{ name: "DEST", summary: "File to make" }],
  options: [
    { name: "force", short: "f", summary: "Replace DEST if it is there, once the copy is complete" },
    ...DATABASE_OPTIONS,
  ],
  examples: [
    { command: "tachikoma backup backups/$(date +%F).db", meaning: "every night, from cron" },
    {
      command: "tachikoma backup /mnt/copy.db --database sqlite:///var/lib/tachikoma/tachikoma.db --force",
      meaning: "another database, over the last copy",
    },
  ],
  async run(args, terminal) {
    const path = databaseFile(args, terminal, {
      memory: "a server in memory keeps nothing that could be copied",
      redis: "Redis copies its own data",
      redisHint: "use BGSAVE and keep its dump.rdb, or redis-cli --rdb FILE; see docs/operating.md",
    });
    const destination = args.positionals[0]!;
    if (existsSync(destination) && !args.has("force") && statSync(destination).isFile())
      throw new CliFailure(`${destination} is there already`, { hint: "--force replaces it" });
    const { backupDatabase, shownBytes } = await import("../standalone/database-tools.ts");
    const progress = new ProgressLine(terminal.err);
    const interrupted = { isSo: false };
    const stopListening = terminal.onSignal(["SIGINT", "SIGTERM"], () => {
      interrupted.isSo = true;
    });
    try {
      const { byteCount } = await backupDatabase({
        path,
        destination,
        isForced: args.has("force"),
        onProgress(doneBytes, totalBytes) {
          if (interrupted.isSo) throw new CliFailure("interrupted", { exitCode: EXIT_CODES.interrupted });
          progress.show(`${shownBytes(doneBytes)} of ${shownBytes(totalBytes)}`);
        },
      });
      progress.clear();
      terminal.out.write(`Copied ${path} to ${destination}: ${shownBytes(byteCount)}, checked\n`);
      return EXIT_CODES.ok;
    } finally {
      progress.clear();
      stopListening();
    }
  },
};
