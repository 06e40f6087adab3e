/** What was found out about a Redis, before anybody judges it. */
import type { ServerFacts } from "../../stores/redis/server-check.ts";
import type { Latency } from "../latency.ts";

export interface RedisFacts {
  /** What INFO says, by field; empty when the user may not ask. */
  readonly info: ReadonlyMap<string, string>;
  /** The part of it by which the store decides. */
  readonly server: ServerFacts;
  /** Directives of its configuration; empty when the user may not ask, or the provider hides them. */
  readonly config: ReadonlyMap<string, string>;
  readonly ping: Latency;
  /** Of a small script with one write; `undefined` when the user may not run it. */
  readonly script: Latency | undefined;
  /** How far its clock is ahead of this machine's. */
  readonly clockAheadMs: number | undefined;
  /** Commands of the store that were refused. */
  readonly deniedCommands: readonly string[];
  /** True when it takes connections from whoever reaches it. */
  readonly isOpenToAll: boolean;
}

/** Directives that are worth knowing. */
export const CONFIG_DIRECTIVES = ["save", "appendonly", "appendfsync", "min-replicas-to-write"] as const;

/** Lines of `name:value`, grouped under headings that nobody needs. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = text.split(/\r?\n/).flatMap((line): [string, string][] => {
    const colon = line.indexOf(":");
    return colon <= 0 || line.startsWith("#") ? [] : [[line.slice(0, colon), line.slice(colon + 1)]];
  });
  return new Map(fields);
}

export function numberIn(fields: ReadonlyMap<string, string>, name: string): number | undefined {
  const value = fields.get(name);
  return value === undefined || value === "" || Number.isNaN(Number(value)) ? undefined : Number(value);
}

export interface RedisVersion {
  readonly text: string;
  readonly major: number;
  readonly minor: number;
}

export function versionIn(info: ReadonlyMap<string, string>): RedisVersion | undefined {
  const text = info.get("redis_version");
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(text ?? "") ?? [];
  if (text === undefined || major === undefined || minor === undefined) return undefined;
  return { text, major: Number(major), minor: Number(minor) };
}
