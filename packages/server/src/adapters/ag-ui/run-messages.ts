/** The messages that the events of a run have made so far, so that some of them can be taken back with a snapshot. */
import type { AgentEvent } from "./agent-event.ts";

interface Message {
  readonly id: string;
  readonly role: "assistant" | "reasoning" | "tool";
  readonly step: number;
  content: string;
  readonly toolCallId?: string;
  readonly toolCalls: ToolCall[];
}

interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; arguments: string };
}

export class RunMessages {
  #messages = new Map<string, Message>();
  readonly #calls = new Map<string, ToolCall>();
  #step = 0;

  apply(event: AgentEvent): void {
    const text = (field: string) => String(event[field] ?? "");
    switch (event.type) {
      case "STEP_STARTED":
        this.#step += 1;
        return;
      case "TEXT_MESSAGE_START":
        this.#message(text("messageId"), "assistant");
        return;
      case "REASONING_MESSAGE_START":
        this.#message(text("messageId"), "reasoning");
        return;
      case "TEXT_MESSAGE_CONTENT":
      case "REASONING_MESSAGE_CONTENT": {
        const message = this.#messages.get(text("messageId"));
        if (message !== undefined) message.content += text("delta");
        return;
      }
      case "TOOL_CALL_START": {
        const call: ToolCall = {
          id: text("toolCallId"),
          type: "function",
          function: { name: text("toolCallName"), arguments: "" },
        };
        this.#calls.set(call.id, call);
        this.#message(text("parentMessageId"), "assistant").toolCalls.push(call);
        return;
      }
      case "TOOL_CALL_ARGS": {
        const call = this.#calls.get(text("toolCallId"));
        if (call !== undefined) call.function.arguments += text("delta");
        return;
      }
      case "TOOL_CALL_RESULT":
        this.#message(text("messageId"), "tool", text("toolCallId")).content = text("content");
        return;
    }
  }

  dropStep(): void {
    this.#messages = new Map([...this.#messages].filter(([, { step }]) => step < this.#step));
  }

  dropAll(): void {
    this.#messages = new Map();
  }

  toJson(): object[] {
    return [...this.#messages.values()].map(({ id, role, content, toolCallId, toolCalls }) => ({
      id,
      role,
      content,
      ...(toolCallId === undefined ? {} : { toolCallId }),
      ...(toolCalls.length === 0 ? {} : { toolCalls }),
    }));
  }

  #message(id: string, role: Message["role"], toolCallId?: string): Message {
    const known = this.#messages.get(id);
    if (known !== undefined) return known;
    const answered = toolCallId === undefined ? {} : { toolCallId };
    const message: Message = { id, role, step: this.#step, content: "", ...answered, toolCalls: [] };
    this.#messages.set(id, message);
    return message;
  }
}
