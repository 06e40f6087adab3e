import { readFileSync, statSync } from "node:fs";

/** The process that holds a lock on a file, where the system tells: Linux lists all locks in `/proc/locks`. */
export function lockHolder(path: string): number | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const { dev, ino } = statSync(path);
    return holderIn(readFileSync("/proc/locks", "utf8"), dev, ino);
  } catch {
    // Hidden in a sandbox, or the file is gone: then nobody is named.
    return undefined;
  }
}

/** Finds `1: POSIX  ADVISORY  WRITE 4321 fe:01:2531452 0 EOF`. Who waits for a lock has an arrow instead of `POSIX`. */
export function holderIn(locks: string, dev: number, ino: number): number | undefined {
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  const file = `${hex(major)}:${hex(minor)}:${ino}`;
  for (const line of locks.split("\n")) {
    const [, kind, , access, pid, id] = line.trim().split(/\s+/);
    if (id === file && access === "WRITE" && (kind === "POSIX" || kind === "OFDLCK") && Number(pid) > 0)
      return Number(pid);
  }
  return undefined;
}

function hex(number: number): string {
  return number.toString(16).padStart(2, "0");
}

/** As the subject of a sentence. */
export function holderText(pid: number | undefined): string {
  if (pid === undefined) return "another process";
  return pid === process.pid ? `this process (${pid})` : `process ${pid}`;
}
