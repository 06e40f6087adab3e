/** A program of this repository as a process of its own, with what it has written so far. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { eventually, within } from "./wait.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const CLI = fileURLToPath(new URL("../../packages/server/bin/tachikoma.mjs", import.meta.url));
const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 10_000;

export interface SpawnOptions {
  readonly cwd?: string;
  /** Added to a nearly empty environment: what the machine has set must not reach the program. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** @default this Node */
  readonly program?: string;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class RunningProcess {
  readonly #child: ChildProcess;
  readonly #argv: readonly string[];
  readonly #exit: Promise<void>;
  #stdout = "";
  #stderr = "";

  constructor(argv: readonly string[], options: SpawnOptions = {}) {
    this.#argv = argv;
    this.#child = spawn(options.program ?? process.execPath, argv, {
      cwd: options.cwd ?? ROOT,
      env: { PATH: process.env["PATH"], HOME: options.cwd ?? ROOT, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
    });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    // A program that has ended does not read what it is given.
    this.#child.stdin!.on("error", () => {});
    if (options.stdin !== undefined) this.#child.stdin!.end(options.stdin);
    this.#exit = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", () => resolve());
    });
    this.#exit.catch(() => {});
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Writes a line to its stdin. */
  tell(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The first match in what was written to stdout. */
  async matched(pattern: RegExp, timeoutMs = START_TIMEOUT_MS): Promise<RegExpExecArray> {
    return await eventually(
      timeoutMs,
      `${pattern} in the output of ${this.#name}`,
      () => {
        const match = pattern.exec(this.#stdout);
        if (match === null && this.hasEnded) throw new Error(`${this.#name} has ended. ${this.#written()}`);
        return match ?? undefined;
      },
      () => this.#written(),
    );
  }

  async ended(timeoutMs = STOP_TIMEOUT_MS): Promise<ProcessEnd> {
    await within(timeoutMs, `the end of ${this.#name} (${this.#written()})`, this.#exit);
    const { exitCode, signalCode } = this.#child;
    return { code: exitCode, signal: signalCode, stdout: this.#stdout, stderr: this.#stderr };
  }

  async kill(): Promise<void> {
    if (!this.hasEnded) this.#child.kill("SIGKILL");
    await this.ended();
  }

  get #name(): string {
    return this.#argv.slice(-4).join(" ");
  }

  #written(): string {
    return `stdout: ${JSON.stringify(this.#stdout.slice(-2_000))} stderr: ${JSON.stringify(this.#stderr.slice(-2_000))}`;
  }
}

/** The command line as users start it. */
export function tachikoma(argv: readonly string[], options: SpawnOptions = {}): RunningProcess {
  return new RunningProcess([CLI, ...argv], options);
}

/** Address that `tachikoma serve` has written to its log. */
export async function listeningUrl(server: RunningProcess): Promise<string> {
  const [, url] = await server.matched(/"url":"(http:[^"]+)"/);
  return url!;
}
