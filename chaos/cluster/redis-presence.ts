import { spawnSync } from "node:child_process";

/**
 * True where there is no redis-server, which is said once. Where the run requires one (`TACHIKOMA_TEST_REQUIRE`) its absence
 * is a failure instead.
 */
export function redisMissing(): boolean {
  const isThere = spawnSync("redis-server", ["--version"]).status === 0;
  if (isThere) return false;
  const required = (process.env["TACHIKOMA_TEST_REQUIRE"] ?? "").split(",");
  if (required.includes("redis")) throw new Error("redis-server is required and not installed");
  process.stdout.write("skipped: there is no redis-server on this machine\n");
  return true;
}
