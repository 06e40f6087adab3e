/** Which processor runs what, and what a process has used of it. Linux only: it is read from /proc. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";

export const SERVER_CORE = 0;
const GENERATOR_CORE = 1;

/** Says why the processes cannot be pinned; `undefined` when they can. */
export function pinningFault(): string | undefined {
  if (availableParallelism() < 2) return "the server and the generator need a core each, and there is one";
  if (spawnSync("taskset", ["--version"]).error !== undefined) {
    return "taskset is not installed (it is part of util-linux)";
  }
  return undefined;
}

/** All threads of this process, those that are there already included. */
export function pinGenerator(): void {
  execFileSync("taskset", ["-a", "-c", "-p", String(GENERATOR_CORE), String(process.pid)]);
}

/** The cores a process may run on, as the kernel says it. */
export function allowedCores(processId: number): string {
  return statusField(processId, "Cpus_allowed_list");
}

export function residentBytes(processId: number): number {
  return Number.parseInt(statusField(processId, "VmRSS"), 10) * 1024;
}

/** The part of it that is no file: heaps, buffers, stacks. */
export function anonymousBytes(processId: number): number {
  return Number.parseInt(statusField(processId, "RssAnon"), 10) * 1024;
}

let ticksPerSec: number | undefined;

/** User and system time of all threads of a process since it began. */
export function cpuSecondsOf(processId: number): number {
  ticksPerSec ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return cpuTicksOf(readFileSync(`/proc/${processId}/stat`, "utf8")) / ticksPerSec;
}

/** `utime` and `stime`, fields 14 and 15. The name in field 2 may hold spaces and brackets, so counting starts behind it. */
export function cpuTicksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

export function loadOfLastMinute(): number {
  return loadavg()[0]!;
}

function statusField(processId: number, name: string): string {
  const status = readFileSync(`/proc/${processId}/status`, "utf8");
  return new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
}
