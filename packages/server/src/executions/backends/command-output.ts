/**
 * Reads what a command prints, as fast as it is wanted and no faster: while nobody asks, the pipe fills up and the command
 * waits. Silence has limits, and they count only while somebody waits.
 */
import { TachikomaError } from "@tachikoma/protocol";
import type { Clock, Timer } from "../../core/ports.ts";
import type { ProcessGroup } from "./process-group.ts";

export interface CommandLimits {
  /** @default 64 MiB */
  readonly maxOutputBytes: number;
  /** From SIGTERM to SIGKILL, and for children that outlive the command with its output open. @default 5_000 */
  readonly killGraceMs: number;
  /** Until the first output. @default 120_000 */
  readonly firstByteTimeoutMs: number;
  /** Between two pieces of output, and from the last one to the end of the command. @default 60_000 */
  readonly idleTimeoutMs: number;
}

export const COMMAND_LIMITS: CommandLimits = {
  maxOutputBytes: 64 * 1024 * 1024,
  killGraceMs: 5_000,
  firstByteTimeoutMs: 120_000,
  idleTimeoutMs: 60_000,
};

/**
 * The output as text, until the command has ended or was stopped; a character that was cut in two by a read stays whole.
 *
 * @throws TachikomaError COMMAND_FAILED when there is too much output, or none for too long
 */
export async function* commandOutput(
  group: ProcessGroup,
  limits: CommandLimits,
  clock: Clock,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  const reads = group.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const silence = new SilenceLimit(group, limits, clock);
  let outputBytes = 0;
  try {
    for (;;) {
      const bytes = await silence.during(() => nextRead(reads), outputBytes === 0);
      if (bytes === undefined) break;
      outputBytes += bytes.length;
      if (outputBytes > limits.maxOutputBytes) throw tooMuch(limits);
      yield decoder.decode(bytes, { stream: true });
    }
    yield decoder.decode();
    await silence.during(() => group.ended, false);
  } finally {
    silence.end();
  }
}

/** Stops a command that keeps somebody waiting, and what a command that has ended left behind with its output open. */
class SilenceLimit {
  readonly #group: ProcessGroup;
  readonly #limits: CommandLimits;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #awaited: { readonly withinMs: number } | undefined;
  #breachedMs: number | undefined;
  #isLeaderGone = false;

  constructor(group: ProcessGroup, limits: CommandLimits, clock: Clock) {
    this.#group = group;
    this.#limits = limits;
    this.#clock = clock;
    void group.ended.then(() => {
      this.#isLeaderGone = true;
      if (this.#awaited !== undefined) this.#arm(this.#awaited.withinMs);
    });
  }

  async during<Result>(task: () => Promise<Result>, isFirst: boolean): Promise<Result> {
    const withinMs = isFirst ? this.#limits.firstByteTimeoutMs : this.#limits.idleTimeoutMs;
    this.#awaited = { withinMs };
    this.#arm(withinMs);
    const result = await task();
    this.end();
    if (this.#breachedMs !== undefined) throw tooSilent(this.#breachedMs);
    return result;
  }

  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#awaited = undefined;
  }

  #arm(withinMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#isLeaderGone
      ? this.#clock.setTimer(this.#limits.killGraceMs, () => this.#stop())
      : this.#clock.setTimer(withinMs, () => {
          this.#breachedMs = withinMs;
          this.#stop();
        });
  }

  #stop(): void {
    void this.#group.stop();
  }
}

/** The next bytes; `undefined` at the end of the output. */
async function nextRead(reads: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  try {
    const { done, value } = await reads.next();
    return done ? undefined : value;
  } catch (thrown) {
    // The command was stopped: whoever did that knows why.
    if (isPrematureClose(thrown)) return undefined;
    throw thrown;
  }
}

function isPrematureClose(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "ERR_STREAM_PREMATURE_CLOSE";
}

function tooMuch({ maxOutputBytes }: CommandLimits): TachikomaError {
  return new TachikomaError("COMMAND_FAILED", `The command printed more than ${maxOutputBytes} bytes`);
}

function tooSilent(withinMs: number): TachikomaError {
  return new TachikomaError("COMMAND_FAILED", `The command printed nothing for ${withinMs} ms`);
}
