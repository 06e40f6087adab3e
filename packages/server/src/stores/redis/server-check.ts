/**
 * Whether a Redis can hold what this store promises. Decided from what the server says about itself, for each new connection: the
 * server behind an address may be another one than before.
 */
export type RedisDurability = "memory" | "replica" | "fsync";

export interface ServerFacts {
  /** `7.0.15`; of Valkey the version of Redis that it stands for. */
  readonly version: string;
  readonly role: string;
  /** Identifies one start of one server. */
  readonly runId: string;
  /**
   * The history that the server has taken over when it was last made a master. Not `master_replid`: that changes too when the first
   * replica comes or the last one has been gone for a while, and nothing is lost by that.
   */
  readonly inheritedId: string;
  readonly isLoading: boolean;
  readonly evictionPolicy: string;
  readonly replicaCount: number;
  readonly hasAppendOnlyFile: boolean;
  /** `undefined` where the server does not tell. */
  readonly appendFsync: string | undefined;
}

/** What to send after writes to know that they are as durable as was asked. */
export type Confirmation =
  | { readonly kind: "none" }
  /** So many replicas have them. */
  | { readonly kind: "replica" }
  /** They are on the disk of the master. */
  | { readonly kind: "fsync" };

export type ServerVerdict =
  | { readonly isUsable: true; readonly confirmation: Confirmation }
  | {
      readonly isUsable: false;
      /** False for what may pass by itself. */
      readonly isPermanent: boolean;
      readonly reason: string;
    };

/** Reads the answer to INFO, whole or in part, and to CONFIG GET appendfsync where that is allowed. */
export function serverFacts(info: string, appendFsync: string | undefined): ServerFacts {
  const values = new Map<string, string>();
  for (const line of info.split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at > 0 && !line.startsWith("#")) values.set(line.slice(0, at), line.slice(at + 1));
  }
  const value = (name: string) => values.get(name) ?? "";
  return {
    version: value("redis_version"),
    role: value("role"),
    runId: value("run_id"),
    inheritedId: value("master_replid2"),
    isLoading: value("loading") === "1",
    evictionPolicy: value("maxmemory_policy"),
    replicaCount: Number(value("connected_slaves")),
    hasAppendOnlyFile: value("aof_enabled") === "1",
    appendFsync,
  };
}

export function judgeServer(facts: ServerFacts, durability: RedisDurability): ServerVerdict {
  const { version, role, isLoading, evictionPolicy } = facts;
  if (isLoading) return unusable("is still loading its data", false);
  if (!isAtLeast(version, [7, 0]))
    return unusable(`is version ${version || "unknown"}; 7.0 is the oldest that works`);
  if (role !== "master")
    return unusable(`is ${role === "slave" ? "a replica" : "not a master"}; writes go to a master`, false);
  if (evictionPolicy.startsWith("allkeys-")) {
    return unusable(`has maxmemory-policy ${evictionPolicy}, which throws records away; use noeviction`);
  }
  return judgeDurability(facts, durability);
}

function judgeDurability(facts: ServerFacts, durability: RedisDurability): ServerVerdict {
  if (durability === "memory") return usable("none");
  if (durability === "replica") {
    if (facts.replicaCount > 0) return usable("replica");
    return unusable('has no replica connected, which durability "replica" needs', false);
  }
  if (!facts.hasAppendOnlyFile) {
    return unusable('has appendonly off, and durability "fsync" needs it on');
  }
  if (isAtLeast(facts.version, [7, 2])) return usable("fsync");
  // Written and synced before each answer: nothing to ask for.
  if (facts.appendFsync === "always") return usable("none");
  if (facts.appendFsync === undefined) {
    return unusable(
      `is version ${facts.version} and does not tell its appendfsync (CONFIG GET is refused), which durability "fsync" needs to be always`,
    );
  }
  return unusable(
    `is version ${facts.version} and has appendfsync ${facts.appendFsync}; durability "fsync" needs always, or 7.2`,
  );
}

function isAtLeast(version: string, [major, minor]: readonly [major: number, minor: number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

function usable(kind: Confirmation["kind"]): ServerVerdict {
  return { isUsable: true, confirmation: { kind } };
}

function unusable(reason: string, isPermanent = true): ServerVerdict {
  return { isUsable: false, isPermanent, reason };
}
