/** The items of a response's output, and the events with which each of them grows. Events are numbered by whoever sends them. */

export interface ItemEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

export type ItemStatus = "in_progress" | "completed" | "incomplete";

/** An item that grows until it is closed. */
export interface GrowingItem {
  open(): ItemEvent[];
  grow(delta: string): ItemEvent;
  close(status: ItemStatus): ItemEvent[];
  /** As it stands in the response. */
  toJson(): OutputJson;
}

export type OutputJson =
  | {
      readonly type: "message";
      readonly id: string;
      readonly status: ItemStatus;
      readonly role: "assistant";
      readonly content: readonly { readonly type: "output_text"; readonly text: string }[];
    }
  | {
      readonly type: "reasoning";
      readonly id: string;
      readonly status: ItemStatus;
      readonly summary: readonly [];
      readonly content: readonly { readonly type: "reasoning_text"; readonly text: string }[];
    }
  | {
      readonly type: "function_call";
      readonly id: string;
      readonly status: ItemStatus;
      readonly call_id: string;
      readonly name: string;
      readonly arguments: string;
    }
  | {
      readonly type: "function_call_output";
      readonly id: string;
      readonly status: ItemStatus;
      readonly call_id: string;
      readonly output: string;
    };

interface Place {
  readonly id: string;
  /** Of the item in the response, as its events count. */
  readonly outputIndex: number;
}

type ProseKind = "text" | "reasoning";

/** What a kind of prose is called. */
const PROSE = {
  text: { idPrefix: "msg", partType: "output_text", event: "response.output_text" },
  reasoning: { idPrefix: "rs", partType: "reasoning_text", event: "response.reasoning_text" },
} as const;

/** A message with one part of text, or a thought. */
export class ProseItem implements GrowingItem {
  readonly #kind: ProseKind;
  readonly #place: Place;
  #pieces: string[] = [];
  #status: ItemStatus = "in_progress";

  constructor(kind: ProseKind, outputIndex: number, key: string) {
    this.#kind = kind;
    this.#place = { id: `${PROSE[kind].idPrefix}_${key}`, outputIndex };
  }

  open(): ItemEvent[] {
    return [
      itemEvent("response.output_item.added", this.#place, this.#itemWith()),
      this.#partEvent("response.content_part.added"),
    ];
  }

  grow(delta: string): ItemEvent {
    this.#pieces.push(delta);
    return { type: `${PROSE[this.#kind].event}.delta`, ...this.#partPlace(), delta, ...this.#logprobs() };
  }

  close(status: ItemStatus): ItemEvent[] {
    this.#status = status;
    return [
      {
        type: `${PROSE[this.#kind].event}.done`,
        ...this.#partPlace(),
        text: this.#text(),
        ...this.#logprobs(),
      },
      this.#partEvent("response.content_part.done"),
      itemEvent("response.output_item.done", this.#place, this.toJson()),
    ];
  }

  toJson(): OutputJson {
    return this.#itemWith(this.#text());
  }

  #text(): string {
    if (this.#pieces.length > 1) this.#pieces = [this.#pieces.join("")];
    return this.#pieces[0] ?? "";
  }

  #part(): object {
    const text = this.#text();
    return this.#kind === "text"
      ? { type: PROSE.text.partType, text, annotations: [], logprobs: [] }
      : { type: PROSE.reasoning.partType, text };
  }

  #partEvent(type: string): ItemEvent {
    return { type, ...this.#partPlace(), part: this.#part() };
  }

  #partPlace() {
    return { item_id: this.#place.id, output_index: this.#place.outputIndex, content_index: 0 };
  }

  #logprobs(): object {
    return this.#kind === "text" ? { logprobs: [] } : {};
  }

  /** @param text absent before the part has been added */
  #itemWith(text?: string): OutputJson {
    const { id } = this.#place;
    const status = this.#status;
    if (this.#kind === "text") {
      const part = { type: PROSE.text.partType, text: text ?? "", annotations: [], logprobs: [] };
      return { id, type: "message", role: "assistant", status, content: text === undefined ? [] : [part] };
    }
    const part = { type: PROSE.reasoning.partType, text: text ?? "" };
    return { id, type: "reasoning", status, summary: [], content: text === undefined ? [] : [part] };
  }
}

export class CallItem implements GrowingItem {
  readonly #place: Place;
  readonly #callId: string;
  readonly #name: string;
  #arguments = "";
  #status: ItemStatus = "in_progress";

  constructor(call: { readonly callId: string; readonly name: string }, outputIndex: number, key: string) {
    this.#callId = call.callId;
    this.#name = call.name;
    this.#place = { id: `fc_${key}`, outputIndex };
  }

  open(): ItemEvent[] {
    return [itemEvent("response.output_item.added", this.#place, this.toJson())];
  }

  grow(delta: string): ItemEvent {
    this.#arguments += delta;
    return { type: "response.function_call_arguments.delta", ...this.#at(), delta };
  }

  /** What the call was given, unless its text has come already. */
  fill(input: unknown): void {
    if (this.#arguments === "") this.#arguments = JSON.stringify(input ?? {});
  }

  close(status: ItemStatus): ItemEvent[] {
    this.#status = status;
    return [
      {
        type: "response.function_call_arguments.done",
        ...this.#at(),
        name: this.#name,
        arguments: this.#arguments,
      },
      itemEvent("response.output_item.done", this.#place, this.toJson()),
    ];
  }

  toJson(): OutputJson {
    return {
      id: this.#place.id,
      type: "function_call",
      status: this.#status,
      call_id: this.#callId,
      name: this.#name,
      arguments: this.#arguments,
    };
  }

  #at() {
    return { item_id: this.#place.id, output_index: this.#place.outputIndex };
  }
}

/** What a tool answered that the handler ran itself. It comes whole. */
export function callOutputEvents(
  output: { readonly callId: string; readonly text: string; readonly status: ItemStatus },
  outputIndex: number,
  key: string,
): { readonly json: OutputJson; readonly events: ItemEvent[] } {
  const id = `fco_${key}`;
  const { callId, text, status } = output;
  const json: OutputJson = { id, type: "function_call_output", status, call_id: callId, output: text };
  const place = { id, outputIndex };
  return {
    json,
    events: [
      itemEvent("response.output_item.added", place, json),
      itemEvent("response.output_item.done", place, json),
    ],
  };
}

function itemEvent(type: string, { outputIndex }: Place, item: object): ItemEvent {
  return { type, output_index: outputIndex, item };
}
