/**
 * A hand-written check, because it runs for every token that a handler yields. `schema/chunk.ts` says the same in zod; a test
 * keeps the two in agreement.
 */
import { type Chunk, FINISH_REASONS, type FixedChunkType } from "./chunk.ts";

type Test = (value: unknown) => boolean;
type Rule = readonly [field: string, test: Test];

const isString: Test = (value) => typeof value === "string";
const isBoolean: Test = (value) => typeof value === "boolean";
const isObject: Test = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isFinishReason: Test = (value) => (FINISH_REASONS as readonly unknown[]).includes(value);
const isEncoding: Test = (value) => value === "json" || value === "text";

const string = (field: string): Rule => [field, isString];
const optional = (field: string, test: Test): Rule => [field, (value) => value === undefined || test(value)];

const PROVIDER = optional("providerMetadata", isObject);
const EXECUTED = optional("providerExecuted", isBoolean);
const REASON = optional("reason", isString);
const TITLE = optional("title", isString);
const ID = string("id");
const CALL_ID = string("toolCallId");

const TEXT: readonly Rule[] = [ID, PROVIDER];
const DELTA: readonly Rule[] = [ID, string("delta"), PROVIDER];
const FILE: readonly Rule[] = [string("url"), string("mediaType"), PROVIDER];
const TOOL: readonly Rule[] = [
  CALL_ID,
  EXECUTED,
  PROVIDER,
  optional("toolMetadata", isObject),
  optional("dynamic", isBoolean),
];
const TOOL_INPUT: readonly Rule[] = [...TOOL, string("toolName"), TITLE];

const STEERING_TEXT: readonly Rule[] = [string("text"), PROVIDER];
const STEERING_FILE: readonly Rule[] = [...FILE, optional("filename", isString)];

const isSteeringPart: Test = (value) =>
  hasFields(value) &&
  ((value["type"] === "text" && follows(value, STEERING_TEXT)) ||
    (value["type"] === "file" && follows(value, STEERING_FILE)));

const RULES: { readonly [Type in FixedChunkType]: readonly Rule[] } = {
  start: [optional("messageId", isString)],
  finish: [optional("finishReason", isFinishReason)],
  abort: [REASON],
  error: [string("errorText")],
  "message-metadata": [],
  "start-step": [],
  "finish-step": [],
  "reset-step": [],
  "text-start": TEXT,
  "text-delta": DELTA,
  "text-end": [...TEXT, optional("citations", Array.isArray)],
  "reasoning-start": TEXT,
  "reasoning-delta": DELTA,
  "reasoning-end": TEXT,
  "tool-input-start": [...TOOL_INPUT, optional("inputEncoding", isEncoding)],
  "tool-input-delta": [CALL_ID, string("inputTextDelta")],
  "tool-input-available": TOOL_INPUT,
  "tool-input-error": [...TOOL_INPUT, string("errorText")],
  "tool-approval-request": [
    string("approvalId"),
    CALL_ID,
    REASON,
    optional("isAutomatic", isBoolean),
    optional("signature", isString),
  ],
  "tool-approval-response": [string("approvalId"), ["approved", isBoolean], REASON, EXECUTED, PROVIDER],
  "tool-output-available": [...TOOL, optional("preliminary", isBoolean)],
  "tool-output-error": [...TOOL, string("errorText")],
  "tool-output-denied": [CALL_ID],
  "source-url": [string("sourceId"), string("url"), TITLE, PROVIDER],
  "source-document": [
    string("sourceId"),
    string("mediaType"),
    string("title"),
    optional("filename", isString),
    PROVIDER,
  ],
  file: FILE,
  "reasoning-file": FILE,
  custom: [string("kind"), PROVIDER],
  "steering-message": [ID, ["parts", (parts) => Array.isArray(parts) && parts.every(isSteeringPart)]],
};

const RULES_BY_TYPE: ReadonlyMap<string, readonly Rule[]> = new Map(Object.entries(RULES));
const DATA_RULES: readonly Rule[] = [optional("id", isString), optional("transient", isBoolean)];

/** True for a chunk of a known type whose fields, where this vocabulary names them, have the right types. */
export function isChunk(value: unknown): value is Chunk {
  if (!hasFields(value)) return false;
  const type = value["type"];
  if (typeof type !== "string") return false;
  const rules = RULES_BY_TYPE.get(type);
  if (rules !== undefined) return follows(value, rules);
  return type.startsWith("data-") && follows(value, DATA_RULES);
}

function hasFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return isObject(value);
}

function follows(value: Readonly<Record<string, unknown>>, rules: readonly Rule[]): boolean {
  for (const [field, test] of rules) {
    if (!test(value[field])) return false;
  }
  return true;
}
