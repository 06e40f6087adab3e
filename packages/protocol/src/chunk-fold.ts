/**
 * Chunks become a message. The fold takes any stream: where the start of a part is missing (its record is no longer retained),
 * the part begins with what is there. It is linear: adding a chunk touches one part, and the list of parts is copied only when a
 * message was handed out since its last change.
 */
import { type Chunk, type ChunkOf, type DataChunk, type FixedChunkType, isDataChunk } from "./chunk.ts";
import { definedFields } from "./defined-fields.ts";
import {
  type DataPart,
  emptyMessage,
  type FoldedMessage,
  isToolPart,
  type MessagePart,
  type MessageStatus,
  type ReasoningPart,
  type TextPart,
  type ToolPart,
} from "./message.ts";
import { mergeMetadata } from "./metadata-merge.ts";
import { PartList } from "./part-list.ts";
import { nextToolPart, type ToolChunk } from "./tool-call-fold.ts";

/** The message after one more chunk. Copies the list of parts: where every token of a long stream is folded, use `MessageFold`. */
export function foldChunk(message: FoldedMessage, chunk: Chunk): FoldedMessage {
  return foldChunks(message, [chunk]);
}

/** The message after all these chunks. */
export function foldChunks(message: FoldedMessage, chunks: Iterable<Chunk>): FoldedMessage {
  const fold = new MessageFold(message);
  for (const chunk of chunks) fold.add(chunk);
  return fold.message;
}

/**
 * A fold that goes on: add every chunk as it comes, read `message` as often as it is shown.
 *
 * @example
 * const fold = new MessageFold();
 * for await (const chunk of run) fold.add(chunk);
 * show(textOf(fold.message));
 */
export class MessageFold {
  readonly #draft: Draft;
  /** What was handed out last, while nothing was added since. */
  #message: FoldedMessage | undefined;

  constructor(message: FoldedMessage = emptyMessage()) {
    const { parts, ...envelope } = message;
    this.#draft = { envelope, parts: new PartList(parts) };
    this.#message = message;
  }

  /** The message so far; it does not change when more chunks are added. */
  get message(): FoldedMessage {
    this.#message ??= { ...this.#draft.envelope, parts: this.#draft.parts.handOut() };
    return this.#message;
  }

  /** Takes the next chunk. A type that is not known belongs to a newer vocabulary and is left out. */
  add(chunk: Chunk): void {
    this.#message = undefined;
    if (isDataChunk(chunk)) addData(this.#draft, chunk);
    else if (Object.hasOwn(STEPS, chunk.type)) {
      (STEPS[chunk.type] as (draft: Draft, chunk: Chunk) => void)(this.#draft, chunk);
    }
  }
}

interface Draft {
  envelope: Omit<FoldedMessage, "parts">;
  readonly parts: PartList;
}

type Step<Type extends FixedChunkType> = (draft: Draft, chunk: ChunkOf<Type>) => void;

const STEPS: { readonly [Type in FixedChunkType]: Step<Type> } = {
  start: (draft, chunk) => {
    if (chunk.messageId !== undefined) change(draft, { id: chunk.messageId });
    addMetadata(draft, chunk.messageMetadata);
  },
  finish: (draft, chunk) => {
    change(draft, definedFields({ finishReason: chunk.finishReason }));
    addMetadata(draft, chunk.messageMetadata);
    endWith(draft, "finished");
  },
  abort: (draft, chunk) => {
    change(draft, definedFields({ abortReason: chunk.reason }));
    endWith(draft, "aborted");
  },
  error: (draft, chunk) => {
    change(draft, { errorText: chunk.errorText });
    endWith(draft, "failed");
  },
  "message-metadata": (draft, chunk) => addMetadata(draft, chunk.messageMetadata),

  "start-step": (draft) => draft.parts.push({ type: "step-start" }),
  // Parts end by their own chunks: another part may be under way when a step ends.
  "finish-step": () => {},
  "reset-step": (draft) => draft.parts.dropStep(),

  "text-start": (draft, chunk) => draft.parts.push({ ...newProse("text", chunk), ...providerOf(chunk) }),
  "text-delta": (draft, chunk) => addProse(draft, "text", chunk),
  "text-end": (draft, chunk) => endProse(draft, "text", chunk, definedFields({ citations: chunk.citations })),
  "reasoning-start": (draft, chunk) =>
    draft.parts.push({ ...newProse("reasoning", chunk), ...providerOf(chunk) }),
  "reasoning-delta": (draft, chunk) => addProse(draft, "reasoning", chunk),
  "reasoning-end": (draft, chunk) => endProse(draft, "reasoning", chunk, {}),

  "tool-input-start": addToolInput,
  "tool-input-delta": addToolChunk,
  "tool-input-available": addToolInput,
  "tool-input-error": addToolInput,
  "tool-approval-request": addToolChunk,
  "tool-approval-response": (draft, chunk) => {
    const isAsked = (part: MessagePart): part is ToolPart =>
      isToolPart(part) && part.approval?.id === chunk.approvalId;
    // Without the question there is no call to which the answer could be shown.
    const found = draft.parts.findLast(isAsked);
    if (found !== undefined) draft.parts.replace(found.index, nextToolPart(found.part, chunk));
  },
  "tool-output-available": addToolChunk,
  "tool-output-error": addToolChunk,
  "tool-output-denied": addToolChunk,

  "source-url": (draft, { type, sourceId, url, title, providerMetadata }) =>
    draft.parts.push({ type, sourceId, url, ...definedFields({ title, providerMetadata }) }),
  "source-document": (draft, { type, sourceId, mediaType, title, filename, providerMetadata }) =>
    draft.parts.push({ type, sourceId, mediaType, title, ...definedFields({ filename, providerMetadata }) }),
  file: addFile,
  "reasoning-file": addFile,
  custom: (draft, chunk) => draft.parts.push({ type: "custom", kind: chunk.kind, ...providerOf(chunk) }),
  "steering-message": (draft, { type, id, parts }) => draft.parts.push({ type, id, parts }),
};

function change(draft: Draft, changes: Partial<Draft["envelope"]>): void {
  draft.envelope = { ...draft.envelope, ...changes };
}

/** The first end counts: a `finish` after an `error` does not make the failure a success. */
function endWith(draft: Draft, status: MessageStatus): void {
  if (draft.envelope.status === "streaming") change(draft, { status });
}

function addMetadata(draft: Draft, metadata: unknown): void {
  if (metadata === undefined || metadata === null) return;
  change(draft, { metadata: mergeMetadata(draft.envelope.metadata, metadata) });
}

type Prose = TextPart | ReasoningPart;
type ProseChunk = ChunkOf<"text-start" | "text-delta" | "text-end">;
type ReasoningChunk = ChunkOf<"reasoning-start" | "reasoning-delta" | "reasoning-end">;

function newProse(type: Prose["type"], chunk: { readonly id: string }): Prose {
  return { type, id: chunk.id, text: "", state: "streaming" };
}

function openProse(draft: Draft, type: Prose["type"], id: string) {
  const isOpen = (part: MessagePart): part is Prose =>
    part.type === type && part.id === id && part.state === "streaming";
  return draft.parts.find(`${type}:${id}`, isOpen);
}

function addProse(draft: Draft, type: Prose["type"], chunk: ChunkOf<"text-delta" | "reasoning-delta">): void {
  const found = openProse(draft, type, chunk.id);
  const part = found?.part ?? newProse(type, chunk);
  const longer = { ...part, text: part.text + chunk.delta, ...providerOf(chunk) };
  if (found === undefined) draft.parts.push(longer);
  else draft.parts.replace(found.index, longer);
}

function endProse(
  draft: Draft,
  type: Prose["type"],
  chunk: ProseChunk | ReasoningChunk,
  last: Pick<TextPart, "citations">,
): void {
  const found = openProse(draft, type, chunk.id);
  if (found === undefined) return;
  draft.parts.replace(found.index, { ...found.part, ...last, state: "done", ...providerOf(chunk) });
}

/** A new step may use the id of an earlier call again: input belongs to a call of the current step, or begins one. */
function addToolInput(
  draft: Draft,
  chunk: ChunkOf<"tool-input-start" | "tool-input-available" | "tool-input-error">,
): void {
  const found = findCall(draft, chunk.toolCallId);
  if (found !== undefined && found.index >= draft.parts.stepStart) {
    draft.parts.replace(found.index, nextToolPart(found.part, chunk));
  } else draft.parts.push(nextToolPart(undefined, chunk));
}

function addToolChunk(draft: Draft, chunk: Exclude<ToolChunk, ChunkOf<"tool-approval-response">>): void {
  const found = findCall(draft, chunk.toolCallId);
  const part = nextToolPart(found?.part, chunk);
  if (found === undefined) draft.parts.push(part);
  else draft.parts.replace(found.index, part);
}

function findCall(draft: Draft, toolCallId: string) {
  const isCall = (part: MessagePart): part is ToolPart => isToolPart(part) && part.toolCallId === toolCallId;
  return draft.parts.find(`tool:${toolCallId}`, isCall);
}

function addFile(draft: Draft, chunk: ChunkOf<"file" | "reasoning-file">): void {
  const { type, mediaType, url } = chunk;
  draft.parts.push({ type, mediaType, url, ...providerOf(chunk) });
}

/** Transient data is for whoever is watching now: it leaves no trace in the message. */
function addData(draft: Draft, chunk: DataChunk): void {
  const { transient, ...part } = chunk;
  if (transient === true) return;
  const found = part.id === undefined ? undefined : findData(draft, part.type, part.id);
  if (found === undefined) draft.parts.push(part);
  else draft.parts.replace(found.index, { ...found.part, data: part.data });
}

function findData(draft: Draft, type: string, id: string) {
  const isSame = (part: MessagePart): part is DataPart =>
    part.type === type && "id" in part && part.id === id;
  return draft.parts.find(`${type}:${id}`, isSame);
}

function providerOf(chunk: { readonly providerMetadata?: Readonly<Record<string, unknown>> }) {
  return definedFields({ providerMetadata: chunk.providerMetadata });
}
