/** Which file `backup` and `compact` work on. */
import { databaseTarget } from "../config/database-target.ts";
import type { ParsedArguments } from "./arguments.ts";
import type { OptionSpec } from "./command.ts";
import { CliFailure } from "./failure.ts";
import { loadFromArguments, SETTING_OPTIONS } from "./setting-options.ts";
import type { Terminal } from "./terminal.ts";

const OPTION_NAMES = new Set(["config", "database", "data-dir"]);

/** Those of `serve` that say where the database is. */
export const DATABASE_OPTIONS: readonly OptionSpec[] = SETTING_OPTIONS.filter(({ name }) =>
  OPTION_NAMES.has(name),
);

/** What to say of a database that is no file of ours. */
export interface OtherDatabases {
  readonly memory: string;
  readonly redis: string;
  readonly redisHint: string;
}

/** The path of the SQLite file that `serve` would use; fails for every other database. */
export function databaseFile(args: ParsedArguments, terminal: Terminal, others: OtherDatabases): string {
  const { settings } = loadFromArguments(args, terminal);
  const target = databaseTarget(settings.database);
  switch (target.kind) {
    case "sqlite":
      return target.path;
    case "memory":
      throw new CliFailure(others.memory, {
        hint: "database.url is memory://; name a file with --database sqlite://PATH",
      });
    case "redis":
      throw new CliFailure(others.redis, { hint: others.redisHint });
    case "fault":
      throw new CliFailure(`database.${target.key}: ${target.message}`);
  }
}
