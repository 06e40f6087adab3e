import { z } from "zod";
import { choice, text, withDefault } from "../setting.ts";

/** What follows the scheme in `sqlite://PATH`; `undefined` for other kinds of database. */
export function sqlitePath(url: string): string | undefined {
  return url.startsWith("sqlite://") ? url.slice("sqlite://".length) : undefined;
}

function databaseUrlFault(url: string): string | undefined {
  if (/^rediss?:\/\//.test(url)) return "Redis is not available yet: use sqlite://PATH or memory://";
  if (url === "memory://") return undefined;
  const path = sqlitePath(url);
  if (path === undefined) return "must be sqlite://PATH or memory://";
  if (path === "") return "sqlite:// needs a path, as in sqlite://data/tachikoma.db";
  return undefined;
}

export const databaseSection = z.strictObject({
  url: withDefault(
    "sqlite://data/tachikoma.db",
    text({
      form: "`sqlite://PATH` or `memory://`",
      fault: databaseUrlFault,
      description:
        "Where channels and sessions are kept. `sqlite://PATH` is relative to the working directory unless PATH starts with `/`; `memory://` forgets everything at the end. Without it, `tachikoma.db` in `server.data_dir`.",
    }),
  ),
  durability: withDefault(
    "power-loss",
    choice({
      choices: ["power-loss", "process-crash"],
      description:
        "What acknowledged data survives. `power-loss` waits for the disk at each commit; `process-crash` is faster and survives the end of the process, but not of the machine.",
    }),
  ),
});
