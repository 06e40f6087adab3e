import { z } from "zod";
import { REDIS_DURABILITIES, SQLITE_DURABILITIES } from "../database-target.ts";
import { DATABASE_URL_FORM, parseDatabaseUrl } from "../database-url.ts";
import { choice, optional, text, withDefault } from "../setting.ts";
import { fileWith, variableWith } from "./secret.ts";

export const databaseSection = z.strictObject({
  url: withDefault(
    "sqlite://data/tachikoma.db",
    text({
      form: DATABASE_URL_FORM,
      fault: (url) => {
        const parsed = parseDatabaseUrl(url);
        return parsed.kind === "invalid" ? parsed.fault : undefined;
      },
      description:
        "Where channels and sessions are kept. `sqlite://PATH` is relative to the working directory unless PATH starts with `/`; `redis://` is one Redis for several nodes, `rediss://` the same over TLS; `memory://` forgets everything at the end. Without it, `tachikoma.db` in `server.data_dir`.",
    }),
  ),
  password: optional(text({ isSecret: true, description: "Password for Redis, instead of one in `url`." })),
  passwordEnv: variableWith("password", "password"),
  passwordFile: fileWith("password", "password"),
  keyPrefix: withDefault(
    "tachikoma",
    text({
      maxChars: 64,
      form: "letters, digits, `.`, `:`, `_` and `-`",
      fault: (prefix) =>
        /^[\w.:-]+$/.test(prefix)
          ? undefined
          : "must consist of letters, digits, dots, colons, underscores and dashes",
      description:
        "What every key in Redis starts with. Nodes with the same prefix in one Redis are one cluster; another prefix is another one.",
    }),
  ),
  durability: optional(
    choice({
      choices: [...SQLITE_DURABILITIES, ...REDIS_DURABILITIES],
      description:
        "What acknowledged data survives. SQLite: `power-loss` (the default) waits for the disk at each commit; `process-crash` is faster and survives the end of the process, but not of the machine. Redis: `memory` (the default) is as safe as the persistence of your Redis; `replica` waits for a replica to have it; `fsync` waits for the disk (Redis 7.2, or one with `appendfsync always`).",
    }),
  ),
});
