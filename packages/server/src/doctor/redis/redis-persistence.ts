import type { RedisDurability } from "../../stores/redis/server-check.ts";
import { type Judgement, ok, problem, warning } from "../finding.ts";
import { numberIn, type RedisFacts } from "./redis-facts.ts";

/** What a crash of Redis, or of its machine, loses of what was acknowledged. */
export function judgePersistence({ info, config }: RedisFacts, durability: RedisDurability): Judgement {
  const failed = failedWrite(info);
  if (failed !== undefined) {
    return problem(
      `${failed}: it refuses writes, or will lose them`,
      "look at the disk and the log of Redis",
    );
  }
  const hasLog = config.get("appendonly") === "yes" || info.get("aof_enabled") === "1";
  if (hasLog) return judgeLog(config.get("appendfsync"));
  if (durability === "fsync") {
    return problem(
      'it writes no append-only file, and database.durability is "fsync"',
      "set appendonly yes, or another durability",
    );
  }
  const save = config.get("save");
  if (save === undefined) {
    return warning(
      "it writes no append-only file; whether it makes snapshots is not known (the user may not ask CONFIG GET)",
      "set appendonly yes",
    );
  }
  if (save === "") {
    return warning(
      "it writes nothing to disk: when it restarts, every channel, session and execution is gone",
      "set appendonly yes, unless that is what you want",
    );
  }
  return warning(
    `it only makes snapshots (save ${save}): a crash loses everything since the last one${ageOfSnapshot(info)}`,
    "set appendonly yes",
  );
}

function judgeLog(fsync: string | undefined): Judgement {
  switch (fsync) {
    case "always":
      return ok("it writes everything to disk before it answers: a crash loses nothing");
    case "everysec":
    case undefined:
      return ok(
        "it writes everything to a file, and to the disk each second: a power failure loses about the last second, a crash of Redis alone nothing",
      );
    default:
      return warning(
        `it leaves to the system when the disk has it (appendfsync ${fsync}): a power failure loses some 30 seconds`,
        "set appendfsync everysec, or always",
      );
  }
}

function failedWrite(info: ReadonlyMap<string, string>): string | undefined {
  if (info.get("aof_last_write_status") === "err") return "it cannot write its append-only file";
  if (info.get("rdb_last_bgsave_status") === "err") return "its last snapshot failed";
  return undefined;
}

function ageOfSnapshot(info: ReadonlyMap<string, string>): string {
  const changeCount = numberIn(info, "rdb_changes_since_last_save");
  return changeCount === undefined ? "" : ` (${changeCount} changes now)`;
}
