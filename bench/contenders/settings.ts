/** What a work asks of a server beyond its defaults. Each contender follows what it has a word for. */
export interface ServerSettings {
  readonly pingIntervalMs?: number;
  /** Unsent bytes of a connection above which it gets nothing new. */
  readonly highWaterBytes?: number;
  /** Records that a channel keeps. */
  readonly historyRecords?: number;
  /** How long records and sessions are kept. */
  readonly retentionSecs?: number;
}

const VARIABLE = "BENCH_SETTINGS";

export function settingsVariable(settings: ServerSettings): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(settings) };
}

/** In the server's process. */
export function ownSettings(): ServerSettings {
  return JSON.parse(process.env[VARIABLE] ?? "{}") as ServerSettings;
}
