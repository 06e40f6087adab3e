/**
 * The events of one run. A run is a stretch of an execution: it begins where the execution does, or after the interrupts that it
 * resumes, and ends where the execution does, or where that waits for an approval.
 *
 *     execution:   started .. text .. approval-request .. text .. approval-request .. completed
 *     run 1        ------------------------------------>
 *     run 2, which resumes the first interrupt          ----------------------->
 *
 * So a run that is asked for again is the same stretch of the log, and gives the same events.
 */
import { type Chunk, type ChunkOf, errorCodeOf, type TachikomaError, type Usage } from "@tachikoma/protocol";
import { type ExecutionFault, faultOf } from "../execution/execution-end.ts";
import {
  type EndFrame,
  type ExecutionReading,
  executionFrames,
  isEnd,
} from "../execution/execution-frames.ts";
import { ENDED_WITH_ERROR } from "../execution/folded-execution.ts";
import { type AgentEvent, type Interrupt, PROTOCOL_VERSION } from "./agent-event.ts";
import { interruptOf, isApprovalRequest } from "./interrupt.ts";
import type { RunInput } from "./run-input.ts";
import { RunMessages } from "./run-messages.ts";
import { isMessageAfter, RunTranslation } from "./run-translation.ts";

export interface RunEventsOptions {
  readonly run: RunInput;
  /** From where the newest attempt of the execution begins. */
  readonly reading: ExecutionReading;
  /** The approvals that the run resumes; it begins when all of them have been asked for. */
  readonly resumedApprovals: ReadonlySet<string>;
}

export async function* runEvents(options: RunEventsOptions): AsyncGenerator<AgentEvent, void, undefined> {
  const { threadId, runId } = options.run;
  yield { type: "RUN_STARTED", threadId, runId, protocolVersion: PROTOCOL_VERSION };
  try {
    yield* new RunReader(options).events();
  } catch (cause) {
    // A store that is away is a cut, after which the client asks again. What is gone is gone.
    if (errorCodeOf(cause) !== "NOT_FOUND") throw cause;
    const { code, message } = cause as TachikomaError;
    yield { type: "RUN_ERROR", code, message };
  }
}

class RunReader {
  readonly #options: RunEventsOptions;
  readonly #translation: RunTranslation;
  readonly #awaited: Set<string>;
  readonly #interrupts: Interrupt[] = [];
  /** False while what is read belongs to an earlier run. */
  #hasBegun: boolean;
  readonly #messages = new RunMessages();
  #beginMessageCount = 0;
  #isAtFirstFrame = true;
  #finishReason = "stop";

  constructor(options: RunEventsOptions) {
    this.#options = options;
    this.#translation = new RunTranslation(options.reading.executionId);
    this.#awaited = new Set(options.resumedApprovals);
    this.#hasBegun = this.#awaited.size === 0;
  }

  async *events(): AsyncGenerator<AgentEvent, void, undefined> {
    if (this.#hasBegun) yield* this.#begin();
    for await (const frame of executionFrames(this.#options.reading)) {
      const isRequest = frame.type === "chunk" && isApprovalRequest(frame.chunk);
      // Calls that were made together are asked about together. What comes after belongs to the run that resumes.
      if (this.#interrupts.length > 0 && !isRequest) return yield* this.#interrupt();
      if (isEnd(frame)) {
        if (!this.#hasBegun) yield* this.#begin();
        return yield* this.#end(frame);
      }
      if (frame.type === "chunk") yield* this.#accept(frame.chunk);
      else if (!this.#isAtFirstFrame) {
        yield* this.#void(this.#translation.reset(), () => this.#messages.dropAll());
      }
      this.#isAtFirstFrame = false;
      if (this.#interrupts.length > 0 && !this.#options.reading.reader.hasFrame)
        return yield* this.#interrupt();
    }
  }

  *#accept(chunk: Chunk): Generator<AgentEvent> {
    if (isApprovalRequest(chunk)) return yield* this.#request(chunk);
    if (chunk.type === "finish") this.#finishReason = chunk.finishReason ?? "stop";
    if (chunk.type === "reset-step") {
      return yield* this.#void(this.#translation.resetStep(), () => this.#messages.dropStep());
    }
    yield* this.#shown(this.#translation.accept(chunk));
  }

  *#shown(events: readonly AgentEvent[]): Generator<AgentEvent> {
    if (!this.#hasBegun) return;
    for (const event of events) this.#messages.apply(event);
    yield* events;
  }

  /** A client that was cut off has some of what comes now already, and would add to it. */
  *#begin(): Generator<AgentEvent> {
    this.#hasBegun = true;
    this.#beginMessageCount = this.#translation.messageCount;
    const { messages } = this.#options.run;
    if (this.#formerMessages().length < messages.length) yield this.#snapshot();
  }

  /** What was shown of the execution, or of its step, is taken back. */
  *#void(closing: readonly AgentEvent[], drop: () => void): Generator<AgentEvent> {
    if (!this.#hasBegun) return;
    yield* closing;
    drop();
    yield this.#snapshot();
  }

  #snapshot(): AgentEvent {
    return { type: "MESSAGES_SNAPSHOT", messages: [...this.#formerMessages(), ...this.#messages.toJson()] };
  }

  /** What the client had before this run. */
  #formerMessages(): object[] {
    const { run, reading } = this.#options;
    return run.messages
      .filter(({ id }) => !isMessageAfter(id, reading.executionId, this.#beginMessageCount))
      .map(({ original }) => original);
  }

  *#interrupt(): Generator<AgentEvent> {
    yield* this.#translation.closeAll();
    yield this.#finished({ type: "interrupt", interrupts: this.#interrupts });
  }

  *#request(chunk: ChunkOf<"tool-approval-request">): Generator<AgentEvent> {
    if (this.#hasBegun) {
      this.#interrupts.push(interruptOf(this.#options.reading.executionId, chunk));
      return;
    }
    this.#awaited.delete(chunk.approvalId);
    if (this.#awaited.size > 0) return;
    // Here the run before this one ended, and closed what was open.
    this.#translation.closeAll();
    yield* this.#begin();
  }

  *#end(frame: EndFrame): Generator<AgentEvent> {
    const usage = usageOf(frame.usage);
    if (frame.type === "execution_cancelled") {
      yield* this.#translation.closeAll();
      yield this.#finished({ type: "cancelled" }, usage);
      return;
    }
    const fault = faultOf(frame) ?? (this.#finishReason === "error" ? ENDED_WITH_ERROR : undefined);
    yield* this.#translation.closeAll();
    if (fault === undefined) {
      const pending = this.#translation.unansweredCalls;
      yield this.#finished(
        { type: "success", ...(pending.length === 0 ? {} : { pendingToolCallIds: pending }) },
        usage,
      );
    } else yield runError(fault, usage);
  }

  #finished(outcome: object, usage: object = {}): AgentEvent {
    const { threadId, runId } = this.#options.run;
    return { type: "RUN_FINISHED", threadId, runId, outcome, ...usage };
  }
}

function runError(
  { code, message }: Pick<ExecutionFault, "code" | "message">,
  usage: object = {},
): AgentEvent {
  return { type: "RUN_ERROR", code, message, ...usage };
}

const COUNTS = [
  "inputTokens",
  "outputTokens",
  "totalTokens",
  "reasoningTokens",
  "cachedInputTokens",
  "cacheWriteInputTokens",
] as const;

function usageOf(usage: Usage): object {
  const counts = COUNTS.flatMap((name): [string, number][] => {
    const value = usage[name];
    return typeof value === "number" && Number.isSafeInteger(Math.round(value))
      ? [[name, Math.round(value)]]
      : [];
  });
  return counts.length === 0 ? {} : { usage: [Object.fromEntries(counts)] };
}
