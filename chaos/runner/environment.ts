import { spawnSync } from "node:child_process";
import { availableParallelism, release } from "node:os";
import { findRedisServer } from "../../packages/server/src/stores/redis/testing/redis-server.ts";

/** Where a run was made: the versions that its results hold for. */
export interface Environment {
  readonly node: string;
  /** `none` where it is not installed. */
  readonly redis: string;
  readonly platform: string;
  readonly processorCount: number;
}

export function environment(): Environment {
  return {
    node: process.version,
    redis: redisVersion(),
    platform: `${process.platform} ${release().split(".").slice(0, 2).join(".")}`,
    processorCount: availableParallelism(),
  };
}

function redisVersion(): string {
  const program = findRedisServer();
  if (program === undefined) return "none";
  const told = spawnSync(program, ["--version"], { encoding: "utf8" }).stdout;
  return /v=([\d.]+)/.exec(told)?.[1] ?? "unknown";
}
