import { describe } from "vitest";
import { findRedisServer } from "./redis-server.ts";

/**
 * `describe` for what needs a real redis-server. Where none is installed the tests are skipped and say why, or fail when
 * `TACHIKOMA_TEST_REQUIRE` names `redis`.
 */
export function describeWithRedis(name: string, body: () => void): void {
  const isRequired = (process.env["TACHIKOMA_TEST_REQUIRE"] ?? "").split(",").includes("redis");
  if (findRedisServer() !== undefined || isRequired) {
    describe(name, body);
    return;
  }
  process.stderr.write(
    `Skipped: ${name}: redis-server is not installed (Debian: apt-get install redis-server)\n`,
  );
  describe.skip(name, body);
}
