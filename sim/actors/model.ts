/** Plays a model: chunks with ids that occur once, over the fake clock. */
import type { Chunk } from "@tachikoma/protocol";
import type { Clock } from "../../packages/server/src/core/ports.ts";
import type { ExecutionContext, Handler } from "../../packages/server/src/executions/handler.ts";
import { Dice } from "../dice.ts";
import type { RecordOf } from "../history/history-record.ts";

/** `deaf` ignores its signal; `steered` waits for inputs; `failing` throws half-way; `rich` yields chunks of several parts. */
export const MODEL_KINDS = ["plain", "deaf", "steered", "failing", "rich"] as const;

export interface ModelInput {
  readonly seed: number;
  readonly kind: (typeof MODEL_KINDS)[number];
  readonly chunkCount: number;
  readonly maxPauseMs: number;
  /** How long one that is steered waits for each input. @default 3_000 */
  readonly inputPatienceMs?: number;
}

const INPUT_PATIENCE_MS = 3_000;

/** Where a model tells of the requests that reach it, and of those that are aborted. */
export interface ModelRecorder {
  write(record: Omit<RecordOf<"llm.sent" | "llm.abort">, "timeMs">): void;
}

/** The model is elsewhere: what it tells the history it tells however the server's process fares. */
export function createModel(clock: Clock, recorder: ModelRecorder): Handler<ModelInput> {
  return (context) => answer(context, clock, recorder);
}

async function* answer(
  { input, executionId, signal, inputs }: ExecutionContext<ModelInput>,
  clock: Clock,
  recorder: ModelRecorder,
): AsyncGenerator<string | Chunk> {
  const dice = new Dice(input.seed);
  recorder.write({ kind: "llm.sent", gen: executionId });
  const onAbort = () => recorder.write({ kind: "llm.abort", gen: executionId });
  signal.addEventListener("abort", onAbort, { once: true });
  const waiting = inputs[Symbol.asyncIterator]();
  for (let index = 0; index < input.chunkCount; index += 1) {
    await pause(clock, dice.between(0, input.maxPauseMs), input.kind === "deaf" ? undefined : signal);
    if (input.kind === "failing" && index === Math.floor(input.chunkCount / 2))
      throw new Error("The model failed");
    if (input.kind === "steered" && index % 4 === 2) {
      const steering = await Promise.race([
        waiting.next(),
        pause(clock, input.inputPatienceMs ?? INPUT_PATIENCE_MS, signal),
      ]);
      if (steering !== undefined && steering.done !== true)
        yield ` [${executionId} ${JSON.stringify(steering.value)}]`;
    }
    yield* input.kind === "rich" ? richChunks(executionId, index) : [` ${executionId}.${index}`];
  }
}

function richChunks(executionId: string, index: number): Chunk[] {
  const id = `part-${Math.floor(index / 6)}`;
  const delta = ` ${executionId}.${index}`;
  switch (index % 6) {
    case 0:
      return [{ type: "reasoning-start", id }];
    case 1:
    case 2:
      return [{ type: "reasoning-delta", id, delta }];
    case 3:
      return [
        { type: "reasoning-end", id },
        { type: "text-start", id },
      ];
    case 4:
      return [
        { type: "text-delta", id, delta },
        { type: "text-delta", id, delta: `${delta}+` },
      ];
    default:
      return [{ type: "text-end", id }];
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(ms, () => resolve(undefined));
    signal?.addEventListener("abort", () => {
      timer.cancel();
      reject(signal.reason);
    });
  });
}
