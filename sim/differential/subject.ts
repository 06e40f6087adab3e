import type { Store } from "../../packages/server/src/stores/store.ts";

/** A store with a replica, and with everything that can befall the two of them. */
export interface Subject {
  readonly store: Store;
  /** As new. */
  clear(): Promise<void>;
  cutReplica(): Promise<void>;
  promoteReplica(): Promise<void>;
  restart(): Promise<void>;
  restartEmpty(): Promise<void>;
}
