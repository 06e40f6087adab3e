import { MAX_HANDLER_CHARS } from "@tachikoma/protocol";

export interface HandlerInfo {
  readonly name: string;
  readonly backend: string;
  readonly label: string;
}

export interface ServerStats {
  readonly serverVersion: string;
  readonly nodeId: string;
  readonly uptimeSecs: number;
  readonly connections: number;
  readonly sessions: number;
  readonly channels: number;
  readonly executionsRunning: number;
  readonly handlers: readonly HandlerInfo[];
  readonly auth: string;
}

export type StatsAnswer =
  | { readonly state: "known"; readonly stats: ServerStats }
  | { readonly state: "unauthorized" }
  | { readonly state: "unavailable" };

const STATS_TIMEOUT_MS = 5_000;

export async function fetchStats(address: URL, token: string | undefined): Promise<StatsAnswer> {
  try {
    const response = await fetch(address, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      cache: "no-store",
      signal: AbortSignal.timeout(STATS_TIMEOUT_MS),
    });
    if (response.status === 401) return { state: "unauthorized" };
    if (!response.ok) return { state: "unavailable" };
    const stats = readStats(await response.json());
    return stats === undefined ? { state: "unavailable" } : { state: "known", stats };
  } catch {
    // No server, no JSON, no time: the page works without.
    return { state: "unavailable" };
  }
}

/** Reads the answer of `/api/stats`; what an older or newer server leaves out shows as zero. */
export function readStats(value: unknown): ServerStats | undefined {
  if (!isObject(value)) return undefined;
  return {
    serverVersion: textOf(value["server_version"]),
    nodeId: textOf(value["node_id"]),
    uptimeSecs: countOf(value["uptime_secs"]),
    connections: countOf(value["connections"]),
    sessions: countOf(value["sessions"]),
    channels: countOf(value["channels"]),
    executionsRunning: countOf(value["executions_running"]),
    handlers: (Array.isArray(value["handlers"]) ? value["handlers"] : [])
      .filter(isObject)
      .flatMap((handler) => {
        const name = textOf(handler["name"]);
        if (name === "" || name.length > MAX_HANDLER_CHARS) return [];
        return [{ name, backend: textOf(handler["backend"]), label: textOf(handler["label"]) || name }];
      }),
    auth: textOf(value["auth"]),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function countOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
