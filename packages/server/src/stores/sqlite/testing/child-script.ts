/** Code that runs in a process of its own, because it is to be killed or restricted. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createInterface, type Interface } from "node:readline";

const DEADLINE_MS = 15_000;

export interface ChildScript {
  readonly child: ChildProcess;
  /** What it prints, line by line. */
  readonly lines: Interface;
}

/** Writes the script to `path` and runs it; `command` is what stands in front of Node and its arguments. */
export async function startScript(
  path: string,
  script: string,
  {
    args = [],
    command = [],
  }: { readonly args?: readonly string[]; readonly command?: readonly string[] } = {},
): Promise<ChildScript> {
  await writeFile(path, script);
  const argv = [...command, process.execPath, "--conditions=source", "--no-warnings", path, ...args];
  // With a group of its own, so that the deadline also ends what a shell in front of it has started.
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ["pipe", "pipe", "inherit"], detached: true });
  const deadline = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), DEADLINE_MS);
  child.once("exit", () => clearTimeout(deadline));
  return { child, lines: createInterface({ input: child.stdout! }) };
}

/** Runs the script to its end and returns the JSON that it prints on each line. */
export async function runScript(...given: Parameters<typeof startScript>): Promise<unknown[]> {
  const { child, lines } = await startScript(...given);
  const exited = once(child, "exit");
  const values: unknown[] = [];
  for await (const line of lines) values.push(JSON.parse(line));
  const [code, signal] = await exited;
  if (code !== 0) throw new Error(`The script ended with ${signal ?? code} after ${JSON.stringify(values)}`);
  return values;
}
