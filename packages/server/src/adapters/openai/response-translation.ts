/**
 * An execution as the events of the Responses API. The number of an event follows from the log alone: it counts the events that
 * the execution's records make, one after the other. A delta that stands for several records has the number of the last of them.
 * So every reading of a log, from any place and on any node, gives the same event the same number.
 *
 * The content before a further begin of the execution is void. What follows is a response anew, in numbers that go on.
 */
import type { Chunk, FinishReason, Usage } from "@tachikoma/protocol";
import { type ExecutionFault, faultOf } from "../execution/execution-end.ts";
import { type EndFrame, type ExecutionFrame, isEnd } from "../execution/execution-frames.ts";
import { ENDED_WITH_ERROR } from "../execution/folded-execution.ts";
import { toolText } from "../execution/tool-text.ts";
import {
  CallItem,
  callOutputEvents,
  type GrowingItem,
  type ItemEvent,
  type ItemStatus,
  type OutputJson,
  ProseItem,
} from "./response-item.ts";
import { type ResponseStatus, responseObject } from "./response-object.ts";
import type { KnownResponse } from "./response-record.ts";

export interface ResponseEvent extends ItemEvent {
  readonly sequence_number: number;
}

/** What stands in the response, and what has become of it. */
interface Placed {
  readonly json: () => OutputJson;
  isVoid: boolean;
  readonly step: number;
}

interface Growing {
  readonly item: GrowingItem;
  readonly step: number;
}

export class ResponseTranslation {
  readonly #response: KnownResponse;
  #lastNumber = -1;
  #firstContentNumber: number | undefined;
  #output: Placed[] = [];
  /** Items that grow, by the part or call that they are. */
  readonly #growing = new Map<string, Growing>();
  readonly #callIds = new Map<string, string>();
  #itemCount = 0;
  #step = 0;
  #finishReason: FinishReason = "stop";
  #status: ResponseStatus = "in_progress";
  #usage: Usage | undefined;
  #fault: ExecutionFault | undefined;
  #reason: string | undefined;

  constructor(response: KnownResponse) {
    this.#response = response;
  }

  /** Of the newest event; -1 before the first. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** Of the first event of this attempt with content in it. */
  get firstContentNumber(): number | undefined {
    return this.#firstContentNumber;
  }

  get status(): ResponseStatus {
    return this.#status;
  }

  /** What stands in the response. */
  get output(): readonly OutputJson[] {
    return this.#output.filter(({ isVoid }) => !isVoid).map(({ json }) => json());
  }

  /** The response as it is now. */
  snapshot(): object {
    return responseObject(this.#response, {
      status: this.#status,
      output: this.output,
      usage: this.#usage,
      fault: this.#fault,
      reason: this.#reason,
    });
  }

  accept(frame: ExecutionFrame): ResponseEvent[] {
    if (frame.type === "chunk") {
      const events = this.#acceptChunk(frame.chunk);
      // Only deltas are ever joined, and each of them is one event.
      const joinedCount = (frame.n ?? 1) - 1;
      const numbered = events.map((event, index) =>
        this.#number(event, index === events.length - 1 ? joinedCount : 0),
      );
      this.#firstContentNumber ??= numbered[0]?.sequence_number;
      return numbered;
    }
    return (isEnd(frame) ? this.#end(frame) : this.#begin()).map((event) => this.#number(event, 0));
  }

  #number(event: ItemEvent, joinedCount: number): ResponseEvent {
    this.#lastNumber += 1 + joinedCount;
    return { ...event, sequence_number: this.#lastNumber };
  }

  #begin(): ItemEvent[] {
    this.#output = [];
    this.#growing.clear();
    this.#callIds.clear();
    this.#firstContentNumber = undefined;
    this.#finishReason = "stop";
    this.#itemCount = 0;
    this.#step = 0;
    const response = this.snapshot();
    return [
      { type: "response.created", response },
      { type: "response.in_progress", response },
    ];
  }

  #acceptChunk(chunk: Chunk): ItemEvent[] {
    switch (chunk.type) {
      case "start-step":
        this.#step += 1;
        return [];
      case "reset-step":
        return this.#resetStep();
      case "text-start":
      case "reasoning-start":
        return this.#openProse(chunk.type === "text-start" ? "text" : "reasoning", chunk.id);
      case "text-delta":
        return this.#growProse("text", chunk.id, chunk.delta);
      case "reasoning-delta":
        return this.#growProse("reasoning", chunk.id, chunk.delta);
      case "text-end":
        return this.#close(`text:${chunk.id}`, "completed");
      case "reasoning-end":
        return this.#close(`reasoning:${chunk.id}`, "completed");
      case "tool-input-start":
        return this.#openCall(chunk);
      case "tool-input-delta": {
        const growing = this.#growing.get(`call:${chunk.toolCallId}`);
        return growing === undefined ? [] : [growing.item.grow(chunk.inputTextDelta)];
      }
      case "tool-input-available":
        return this.#completeCall(chunk, "completed");
      case "tool-input-error":
        return this.#completeCall(chunk, "incomplete");
      case "tool-output-available":
        if (chunk.preliminary === true) return [];
        return this.#addOutput(chunk.toolCallId, toolText(chunk.output), "completed");
      case "tool-output-error":
        return this.#addOutput(chunk.toolCallId, chunk.errorText, "incomplete");
      case "tool-output-denied":
        return this.#addOutput(chunk.toolCallId, "The call was denied", "incomplete");
      case "finish":
        this.#finishReason = chunk.finishReason ?? "stop";
        return [];
      default:
        return [];
    }
  }

  #openProse(kind: "text" | "reasoning", id: string): ItemEvent[] {
    const key = `${kind}:${id}`;
    const item = new ProseItem(kind, this.#output.length, this.#nextKey());
    return [...this.#close(key, "completed"), ...this.#open(key, item)];
  }

  #growProse(kind: "text" | "reasoning", id: string, delta: string): ItemEvent[] {
    const key = `${kind}:${id}`;
    const opened = this.#growing.has(key) ? [] : this.#openProse(kind, id);
    return [...opened, this.#growing.get(key)!.item.grow(delta)];
  }

  #openCall({
    toolCallId,
    toolName,
  }: {
    readonly toolCallId: string;
    readonly toolName: string;
  }): ItemEvent[] {
    const key = `call:${toolCallId}`;
    const closed = this.#close(key, "incomplete");
    const itemKey = this.#nextKey();
    // A later step may use an id again, and no two calls of a response may have the same.
    const callId = this.#callIds.has(toolCallId) ? `${toolCallId}_${itemKey}` : toolCallId;
    this.#callIds.set(toolCallId, callId);
    const item = new CallItem({ callId, name: toolName }, this.#output.length, itemKey);
    return [...closed, ...this.#open(key, item)];
  }

  #completeCall(
    chunk: { readonly toolCallId: string; readonly toolName: string; readonly input?: unknown },
    status: ItemStatus,
  ): ItemEvent[] {
    const key = `call:${chunk.toolCallId}`;
    const opened = this.#growing.has(key) ? [] : this.#openCall(chunk);
    const item = this.#growing.get(key)?.item;
    if (item instanceof CallItem) item.fill(chunk.input);
    return [...opened, ...this.#close(key, status)];
  }

  #addOutput(toolCallId: string, text: string, status: ItemStatus): ItemEvent[] {
    const callId = this.#callIds.get(toolCallId) ?? toolCallId;
    const output = { callId, text, status };
    const { json, events } = callOutputEvents(output, this.#output.length, this.#nextKey());
    this.#output.push({ json: () => json, isVoid: false, step: this.#step });
    return events;
  }

  #open(key: string, item: GrowingItem): ItemEvent[] {
    this.#growing.set(key, { item, step: this.#step });
    this.#output.push({ json: () => item.toJson(), isVoid: false, step: this.#step });
    return item.open();
  }

  #close(key: string, status: ItemStatus): ItemEvent[] {
    const growing = this.#growing.get(key);
    this.#growing.delete(key);
    return growing?.item.close(status) ?? [];
  }

  #closeAll(statusOf: (key: string) => ItemStatus): ItemEvent[] {
    return [...this.#growing.keys()].flatMap((key) => this.#close(key, statusOf(key)));
  }

  /** An item cannot be taken back; it is left incomplete, and does not stand in the response in the end. */
  #resetStep(): ItemEvent[] {
    const ofStep = [...this.#growing].filter(([, { step }]) => step === this.#step);
    const events = ofStep.flatMap(([key]) => this.#close(key, "incomplete"));
    for (const placed of this.#output) if (placed.step === this.#step) placed.isVoid = true;
    return events;
  }

  #end(frame: EndFrame): ItemEvent[] {
    this.#usage = frame.usage;
    const fault = faultOf(frame) ?? (this.#finishReason === "error" ? ENDED_WITH_ERROR : undefined);
    if (fault === undefined) return this.#complete();
    this.#closeAll(() => "incomplete");
    switch (frame.type) {
      case "execution_cancelled":
        // There is no event of its own for this end: the status tells it.
        this.#status = "cancelled";
        return [{ type: "response.incomplete", response: this.snapshot() }];
      case "execution_interrupted":
        this.#status = "incomplete";
        this.#reason = "interrupted";
        return [{ type: "response.incomplete", response: this.snapshot() }];
      default:
        this.#status = "failed";
        this.#fault = fault;
        return [{ type: "response.failed", response: this.snapshot() }];
    }
  }

  #complete(): ItemEvent[] {
    // A call whose input never came whole is none.
    const closed = this.#closeAll((key) => (key.startsWith("call:") ? "incomplete" : "completed"));
    this.#reason = INCOMPLETE_REASONS.get(this.#finishReason);
    this.#status = this.#reason === undefined ? "completed" : "incomplete";
    return [...closed, { type: `response.${this.#status}`, response: this.snapshot() }];
  }

  #nextKey(): string {
    this.#itemCount += 1;
    return `${this.#response.executionId}_${this.#itemCount}`;
  }
}

const INCOMPLETE_REASONS: ReadonlyMap<FinishReason, string> = new Map([
  ["length", "max_output_tokens"],
  ["content-filter", "content_filter"],
  ["interrupted", "interrupted"],
]);
