/**
 * An execution as events of AG-UI. Its verification of their order is strict: what is open has to be closed before a run is, and
 * nothing is opened twice.
 *
 * Ids of messages count up over the execution, so that a run that is read again gives each message the same id, and one can tell
 * which messages of a client are of the part that comes now.
 */
import type { Chunk, ChunkOf } from "@tachikoma/protocol";
import { toolText } from "../execution/tool-text.ts";
import type { AgentEvent } from "./agent-event.ts";

type Kind = "text" | "reasoning";

interface OpenProse {
  readonly messageId: string;
  readonly step: number;
}

interface OpenCall {
  readonly step: number;
  hasArguments: boolean;
}

export class RunTranslation {
  readonly #executionId: string;
  #messageCount = 0;
  /** Open messages, by kind and part. */
  readonly #prose = new Map<string, OpenProse>();
  readonly #calls = new Map<string, OpenCall>();
  /** Calls that nobody has answered yet, with their step. */
  readonly #unanswered = new Map<string, number>();
  #stepCount = 0;
  #openStep: string | undefined;
  /** The message that calls belong to. */
  #lastTextId: string | undefined;

  constructor(executionId: string) {
    this.#executionId = executionId;
  }

  /** How many messages have been begun so far. */
  get messageCount(): number {
    return this.#messageCount;
  }

  get unansweredCalls(): readonly string[] {
    return [...this.#unanswered.keys()];
  }

  accept(chunk: Chunk): AgentEvent[] {
    switch (chunk.type) {
      case "start-step":
        return this.#startStep();
      case "finish-step":
        return this.#finishStep();
      case "text-start":
      case "reasoning-start":
        return this.#openProse(chunk.type === "text-start" ? "text" : "reasoning", chunk.id);
      case "text-delta":
        return this.#growProse("text", chunk.id, chunk.delta);
      case "reasoning-delta":
        return this.#growProse("reasoning", chunk.id, chunk.delta);
      case "text-end":
        return this.#closeProse(`text:${chunk.id}`);
      case "reasoning-end":
        return this.#closeProse(`reasoning:${chunk.id}`);
      case "tool-input-start":
        return this.#openCall(chunk);
      case "tool-input-delta":
        return this.#growCall(chunk);
      case "tool-input-available":
        return this.#completeCall(chunk);
      case "tool-input-error":
        return [...this.#completeCall(chunk), ...this.#result(chunk.toolCallId, chunk.errorText)];
      case "tool-output-available":
        if (chunk.preliminary === true) return [];
        return this.#result(chunk.toolCallId, toolText(chunk.output));
      case "tool-output-error":
        return this.#result(chunk.toolCallId, chunk.errorText);
      case "tool-output-denied":
        return this.#result(chunk.toolCallId, "The call was denied");
      default:
        return this.#other(chunk);
    }
  }

  /** Closes everything that is open. What goes on after that goes on in new messages. */
  closeAll(): AgentEvent[] {
    return [...this.#closeFrom(0), ...this.#finishStep()];
  }

  /** The content so far is void. */
  reset(): AgentEvent[] {
    this.#unanswered.clear();
    return this.closeAll();
  }

  /** What the current step has said is void; what an earlier one began and has not ended goes on. */
  resetStep(): AgentEvent[] {
    for (const [toolCallId, step] of this.#unanswered)
      if (step === this.#stepCount) this.#unanswered.delete(toolCallId);
    return this.#closeFrom(this.#stepCount);
  }

  #closeFrom(step: number): AgentEvent[] {
    this.#lastTextId = undefined;
    const prose = [...this.#prose].filter(([, open]) => open.step >= step);
    const calls = [...this.#calls].filter(([, open]) => open.step >= step);
    return [
      ...prose.flatMap(([key]) => this.#closeProse(key)),
      ...calls.flatMap(([toolCallId]) => this.#closeCall(toolCallId)),
    ];
  }

  #startStep(): AgentEvent[] {
    const finished = this.#finishStep();
    this.#stepCount += 1;
    this.#openStep = `step-${this.#stepCount}`;
    return [...finished, { type: "STEP_STARTED", stepName: this.#openStep }];
  }

  #finishStep(): AgentEvent[] {
    const stepName = this.#openStep;
    this.#openStep = undefined;
    return stepName === undefined ? [] : [{ type: "STEP_FINISHED", stepName }];
  }

  #openProse(kind: Kind, partId: string): AgentEvent[] {
    const key = `${kind}:${partId}`;
    const closed = this.#closeProse(key);
    const messageId = this.#nextMessageId();
    this.#prose.set(key, { messageId, step: this.#stepCount });
    if (kind === "text") {
      this.#lastTextId = messageId;
      return [...closed, { type: "TEXT_MESSAGE_START", messageId, role: "assistant" }];
    }
    return [
      ...closed,
      { type: "REASONING_START", messageId },
      { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" },
    ];
  }

  #growProse(kind: Kind, partId: string, delta: string): AgentEvent[] {
    const key = `${kind}:${partId}`;
    const opened = this.#prose.has(key) ? [] : this.#openProse(kind, partId);
    if (delta === "") return opened;
    const { messageId } = this.#prose.get(key)!;
    const type = kind === "text" ? "TEXT_MESSAGE_CONTENT" : "REASONING_MESSAGE_CONTENT";
    return [...opened, { type, messageId, delta }];
  }

  #closeProse(key: string): AgentEvent[] {
    const open = this.#prose.get(key);
    if (open === undefined) return [];
    this.#prose.delete(key);
    const { messageId } = open;
    if (key.startsWith("text:")) return [{ type: "TEXT_MESSAGE_END", messageId }];
    return [
      { type: "REASONING_MESSAGE_END", messageId },
      { type: "REASONING_END", messageId },
    ];
  }

  #openCall({
    toolCallId,
    toolName,
  }: {
    readonly toolCallId: string;
    readonly toolName: string;
  }): AgentEvent[] {
    const closed = this.#closeCall(toolCallId);
    this.#calls.set(toolCallId, { step: this.#stepCount, hasArguments: false });
    this.#unanswered.set(toolCallId, this.#stepCount);
    // A call without a message before it makes one.
    this.#lastTextId ??= this.#nextMessageId();
    const parentMessageId = this.#lastTextId;
    return [...closed, { type: "TOOL_CALL_START", toolCallId, toolCallName: toolName, parentMessageId }];
  }

  #growCall({ toolCallId, inputTextDelta }: ChunkOf<"tool-input-delta">): AgentEvent[] {
    const call = this.#calls.get(toolCallId);
    if (call === undefined || inputTextDelta === "") return [];
    call.hasArguments = true;
    return [{ type: "TOOL_CALL_ARGS", toolCallId, delta: inputTextDelta }];
  }

  #completeCall(chunk: {
    readonly toolCallId: string;
    readonly toolName: string;
    readonly input?: unknown;
  }): AgentEvent[] {
    const { toolCallId, input } = chunk;
    const opened = this.#calls.has(toolCallId) ? [] : this.#openCall(chunk);
    const call = this.#calls.get(toolCallId);
    const filled =
      call === undefined || call.hasArguments
        ? []
        : [{ type: "TOOL_CALL_ARGS", toolCallId, delta: JSON.stringify(input ?? {}) }];
    return [...opened, ...filled, ...this.#closeCall(toolCallId)];
  }

  #closeCall(toolCallId: string): AgentEvent[] {
    return this.#calls.delete(toolCallId) ? [{ type: "TOOL_CALL_END", toolCallId }] : [];
  }

  #result(toolCallId: string, content: string): AgentEvent[] {
    this.#unanswered.delete(toolCallId);
    const closed = this.#closeCall(toolCallId);
    // What the model says next is another message than the one with the call.
    this.#lastTextId = undefined;
    const messageId = this.#nextMessageId();
    return [...closed, { type: "TOOL_CALL_RESULT", messageId, toolCallId, content, role: "tool" }];
  }

  #other(chunk: Chunk): AgentEvent[] {
    if (UNTOLD.has(chunk.type)) return [];
    if (chunk.type === "data-state") return [{ type: "STATE_SNAPSHOT", snapshot: chunk["data"] ?? {} }];
    const value = chunk.type.startsWith("data-") ? (chunk["data"] ?? null) : chunk;
    return [{ type: "CUSTOM", name: chunk.type, value }];
  }

  #nextMessageId(): string {
    this.#messageCount += 1;
    return messageId(this.#executionId, this.#messageCount);
  }
}

/** What begins and ends the content is told by the run; an approval by its interrupt. */
const UNTOLD: ReadonlySet<Chunk["type"]> = new Set([
  "start",
  "finish",
  "abort",
  "error",
  "message-metadata",
  "reset-step",
  "tool-approval-request",
  "tool-approval-response",
]);

function messageId(executionId: string, number: number): string {
  return `${executionId}-${number}`;
}

/** Whether a message was begun by an execution after so many others. */
export function isMessageAfter(id: string, executionId: string, messageCount: number): boolean {
  if (!id.startsWith(`${executionId}-`)) return false;
  const number = Number(id.slice(executionId.length + 1));
  return Number.isInteger(number) && number > messageCount;
}
