/** Looks at everything that a server with these settings needs, without starting one. */
import { isLoopbackHost } from "../config/address.ts";
import { type DatabaseTarget, databaseTarget } from "../config/database-target.ts";
import type { Settings } from "../config/settings.ts";
import { type Finding, problem, warning } from "../doctor/finding.ts";
import { processFacts, processFindings } from "../doctor/process-checks.ts";
import { connectFault } from "../doctor/redis/connect-fault.ts";
import { redisFindings } from "../doctor/redis/redis-findings.ts";
import { probeRedis } from "../doctor/redis/redis-probe.ts";
import { sqliteFindings } from "../doctor/sqlite-checks.ts";

export type { Finding, FindingArea, FindingLevel } from "../doctor/finding.ts";
export { type Verdict, verdictOn } from "../doctor/verdict.ts";

/** Findings as they are made: of the process, then of the database. Never throws; what cannot be looked at is a finding. */
export async function* examine(settings: Settings): AsyncGenerator<Finding> {
  yield* processFindings(processFacts(), settings.limits.maxConnections);
  const target = databaseTarget(settings.database);
  switch (target.kind) {
    case "fault":
      yield {
        area: "database",
        check: "settings",
        ...problem(target.message, `change database.${target.key}`),
      };
      return;
    case "memory":
      yield {
        area: "database",
        check: "memory",
        ...warning(
          "everything is in memory: the end of the server is the end of it",
          "set database.url to sqlite:// or redis://",
        ),
      };
      return;
    case "sqlite":
      yield* sqliteFindings(target.path);
      return;
    case "redis":
      yield* examineRedis(target);
  }
}

async function* examineRedis(target: Extract<DatabaseTarget, { kind: "redis" }>): AsyncGenerator<Finding> {
  const { address, durability } = target;
  try {
    const facts = await probeRedis(target);
    const text = `${address.label} can be reached`;
    yield { area: "database", check: "redis_connection", level: "ok", text };
    yield* redisFindings(facts, { durability, isLoopback: isLoopbackHost(address.host) });
  } catch (cause) {
    const fault = connectFault(cause, address.isTls);
    yield {
      area: "database",
      check: "redis_connection",
      ...fault,
      text: `${address.label}: ${fault.text}`,
    };
  }
}
