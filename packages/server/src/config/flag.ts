import { type Collected, collectText } from "./assignment.ts";

/** A setting given on the command line. */
export interface SettingFlag {
  /** As the user wrote it, without the value: `--port`, `--set server.port`. */
  readonly flag: string;
  /** Dotted key: `server.port`, `executions."my.bot".model`. */
  readonly key: string;
  readonly value: string;
}

export function collectFlags(flags: readonly SettingFlag[], into: Collected): void {
  for (const { flag, key, value } of flags) {
    const path = parseDottedKey(key);
    const source = { kind: "flag", flag } as const;
    if (path !== undefined) collectText(value, path, source, into);
    else into.problems.push({ source, message: "is not a key such as server.port" });
  }
}

/** `undefined` when the text is not a dotted key. */
export function parseDottedKey(key: string): string[] | undefined {
  const path: string[] = [];
  const part = /(?:"([^"]+)"|([^."\s]+))(\.|$)/y;
  while (part.lastIndex < key.length) {
    const match = part.exec(key);
    if (match === null) return undefined;
    path.push(match[1] ?? match[2] ?? "");
    if (match[3] === "") return path;
  }
  return undefined;
}
