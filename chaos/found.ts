/** What trials have found in the server, each fixed with a test of its own. */
export interface Found {
  readonly fault: string;
  readonly seed: number;
  /** What was wrong. */
  readonly text: string;
  /** The test that failed before. */
  readonly test: string;
}

export const FOUND: readonly Found[] = [
  {
    fault: "nodes-killed",
    seed: 1,
    text: "a process that was held up while it set a timer asked Node for a negative time",
    test: "packages/server/src/platform/system-clock.test.ts",
  },
  {
    fault: "failover-waited",
    seed: 1,
    text: "with durability `replica`, a connection to Redis that was lost before a write was confirmed ended the process",
    test: "packages/server/src/stores/redis/commit-line.test.ts",
  },
  {
    fault: "node-killed",
    seed: 1_674_256_102,
    text: "on SQLite, a lease time that is no multiple of 3 ms kept a server from starting after a crash",
    test: "packages/server/src/core/cluster/node-lease.test.ts",
  },
  {
    fault: "owner-paused",
    seed: 1_988_450_898,
    text: "a cancel was answered as applied although another node had ended the execution while its owner was paused",
    test: "packages/server/src/core/execution/zombie-owner.test.ts",
  },
];
