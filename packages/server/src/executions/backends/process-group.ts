/**
 * A child process and all that it starts, as one thing that can be stopped. The child leads a process group of its own, so a
 * signal reaches its children too. Stopping is SIGTERM, then SIGKILL after the grace; once the leader has gone nobody is left
 * to end the rest in good order, so the rest is killed at once.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Clock } from "../../core/ports.ts";

export interface ProcessGroupOptions {
  readonly command: readonly [program: string, ...args: string[]];
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly killGraceMs: number;
  readonly clock: Clock;
}

export type ProcessEnd =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "killed"; readonly signal: string }
  | { readonly kind: "not-started"; readonly reason: string };

export class ProcessGroup {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #killGraceMs: number;
  readonly #ended = Promise.withResolvers<ProcessEnd>();
  #isLeaderGone = false;
  #stopping: Promise<void> | undefined;

  /** @throws what `spawn` throws; most failures to start come as an end of the kind `not-started` */
  constructor(options: ProcessGroupOptions) {
    const [program, ...args] = options.command;
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child = child;
    this.#clock = options.clock;
    this.#killGraceMs = options.killGraceMs;
    watchEnd(child, (end) => this.#noteEnd(end));
    const { stdin, stdout, stderr } = child;
    // Out of file descriptors: the error event follows, but there is nothing to read from.
    if (!stdin || !stdout || !stderr) throw new Error("No pipes could be made for the command");
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /** When the leader is gone. Its children may still run, and hold its output open. */
  get ended(): Promise<ProcessEnd> {
    return this.#ended.promise;
  }

  /** Resolves when nothing of the group runs any more. What is left on `stderr` can still be read. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (!this.#isLeaderGone) {
      this.#signal("SIGTERM");
      await this.#endWithin(this.#killGraceMs);
    }
    this.#signal("SIGKILL");
    this.stdin.destroy();
    this.stdout.destroy();
    if (this.#isLeaderGone) return;
    await this.#endWithin(this.#killGraceMs);
    // A process that hangs in the kernel does not die of anything; nobody shall wait for it for ever.
    this.#noteEnd({ kind: "killed", signal: "SIGKILL" });
  }

  #noteEnd(end: ProcessEnd): void {
    this.#isLeaderGone = true;
    this.#ended.resolve(end);
  }

  #endWithin(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(withinMs, resolve);
      void this.ended.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #signal(name: "SIGTERM" | "SIGKILL"): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, name);
    } catch (thrown) {
      // ESRCH: the group is empty, which is what was wanted. EPERM: all that is left are processes of another user.
      if (!isExpected(thrown)) throw thrown;
    }
  }
}

function watchEnd(child: ChildProcess, onEnd: (end: ProcessEnd) => void): void {
  child.once("exit", (exitCode, signal) => {
    onEnd(exitCode === null ? { kind: "killed", signal: signal ?? "unknown" } : { kind: "exited", exitCode });
  });
  child.on("error", (error: NodeJS.ErrnoException) => {
    // Also emitted when a signal cannot be sent; only a child without a pid was never started.
    if (child.pid === undefined) onEnd({ kind: "not-started", reason: error.code ?? error.name });
  });
}

function isExpected(thrown: unknown): boolean {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return code === "ESRCH" || code === "EPERM";
}
