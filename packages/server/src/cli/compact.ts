import type { Command } from "./command.ts";
import { DATABASE_OPTIONS, databaseFile } from "./database-file.ts";
import { EXIT_CODES } from "./exit-code.ts";
import { ProgressLine } from "./progress-line.ts";

export const compactCommand: Command = {
  name: "compact",
  summary: "Give the unused space of the SQLite database back to the disk",
  details: [
    "Writes the database anew, without the space that removed records have left. No server may be using it. There must be room for a second copy of what it holds. When it is interrupted, the file is as it was.",
    "A file that was made by this version gives most of its unused space back by itself; one of an older version does so once it has been compacted.",
  ],
  positionals: [],
  options: DATABASE_OPTIONS,
  examples: [
    { command: "tachikoma compact", meaning: "the database that serve would use" },
    {
      command: "tachikoma compact --database sqlite:///var/lib/tachikoma/tachikoma.db",
      meaning: "another one",
    },
  ],
  async run(args, terminal) {
    const path = databaseFile(args, terminal, {
      memory: "a server in memory has no file that could be compacted",
      redis: "Redis gives memory back by itself, there is no file to compact",
      redisHint: "what is kept is bounded by channels.NAME.history; see docs/operating.md",
    });
    const { compactDatabase, shownBytes } = await import("../standalone/database-tools.ts");
    const progress = new ProgressLine(terminal.err);
    try {
      const { bytesBefore, bytesAfter } = await compactDatabase({
        path,
        onProgress: (elapsedMs) => progress.show(`compacting ${path}, ${Math.round(elapsedMs / 1_000)} s`),
      });
      progress.clear();
      const result =
        bytesAfter < bytesBefore
          ? `${shownBytes(bytesBefore - bytesAfter)} freed, ${shownBytes(bytesAfter)} left`
          : `${shownBytes(bytesAfter)}, there was nothing to free`;
      terminal.out.write(`Compacted ${path}: ${result}\n`);
      return EXIT_CODES.ok;
    } finally {
      progress.clear();
    }
  },
};
