import type { Chunk } from "@tachikoma/protocol";
import type { Clock } from "../../core/ports.ts";
import type { ExecutionContext, Handler } from "../handler.ts";
import { type BackendPorts, backendPorts, wait } from "./backend-ports.ts";
import { ChatStream } from "./chat-stream.ts";
import { lastUserText, readConversation } from "./conversation.ts";
import { demoAcknowledgement, demoPieces, demoScript } from "./demo-script.ts";
import { SteeringQueue } from "./steering-queue.ts";

export interface DemoOptions {
  /** @default 30 */
  readonly piecesPerSecond?: number;
  readonly ports?: Partial<BackendPorts>;
}

const DEFAULT_PIECES_PER_SECOND = 30;

/**
 * Answers without any model, slowly enough to try stopping, refreshing and a second tab. Ask it to "count to 200" or for "500
 * words" to choose the length.
 *
 * @example
 * const chat = demo();
 */
export function demo(options: DemoOptions = {}): Handler {
  const { clock } = backendPorts(options.ports);
  const pieceIntervalMs = 1000 / (options.piecesPerSecond ?? DEFAULT_PIECES_PER_SECOND);
  return (context) => {
    const prompt = lastUserText(readConversation(context.input));
    return answer(prompt, { clock, pieceIntervalMs }, context);
  };
}

interface Pace {
  readonly clock: Clock;
  readonly pieceIntervalMs: number;
}

async function* answer(
  prompt: string,
  pace: Pace,
  context: ExecutionContext,
): AsyncGenerator<Chunk, void, undefined> {
  const stream = new ChatStream();
  const inputTokens = demoPieces(prompt).length;
  let outputTokens = 0;
  yield { type: "start", messageId: context.executionId };
  yield { type: "start-step" };
  for await (const piece of paced(spoken(prompt, context), pace, context.signal)) {
    outputTokens += 1;
    context.usage({ inputTokens, outputTokens, totalTokens: inputTokens + outputTokens });
    yield* stream.text(piece);
  }
  yield* stream.close();
  yield { type: "finish-step" };
  yield { type: "finish", finishReason: "stop" };
}

/** The pieces of the script, and between its blocks an answer to whatever was said meanwhile. */
function* spoken(prompt: string, context: ExecutionContext): Generator<string, void, undefined> {
  const steering = new SteeringQueue(context.inputs);
  try {
    for (const block of demoScript(prompt)) {
      yield* block;
      for (let text = steering.next(); text !== undefined; text = steering.next()) {
        yield* demoAcknowledgement(text);
      }
    }
  } finally {
    steering.close();
  }
}

/** One piece per interval, the first at once. Time that a slow reader takes counts, but is never caught up in a burst. */
async function* paced(
  pieces: Iterable<string>,
  { clock, pieceIntervalMs }: Pace,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  let dueMs = clock.monotonicMs();
  for (const piece of pieces) {
    await wait(clock, Math.max(0, dueMs - clock.monotonicMs()), signal);
    yield piece;
    dueMs = Math.max(dueMs, clock.monotonicMs() - pieceIntervalMs) + pieceIntervalMs;
  }
}
