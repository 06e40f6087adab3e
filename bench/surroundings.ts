/** Where figures were measured: without it they say little. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, release } from "node:os";
import { loadOfLastMinute } from "./processor.ts";

export interface Surroundings {
  readonly node: string;
  readonly kernel: string;
  readonly processor: string | undefined;
  readonly coreCount: number;
  readonly loadAtStart: number;
  readonly isPinned: boolean;
  readonly versions: Readonly<Record<string, string>>;
  readonly sizes: Readonly<Record<string, number>>;
}

export function surroundings(isPinned: boolean, sizes: Readonly<Record<string, number>>): Surroundings {
  return {
    node: process.version,
    kernel: release(),
    processor: cpus()[0]?.model,
    coreCount: cpus().length,
    loadAtStart: loadOfLastMinute(),
    isPinned,
    versions: { ws: versionOf("ws"), "socket.io": versionOf("socket.io") },
    sizes,
  };
}

function versionOf(name: string): string {
  const path = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
