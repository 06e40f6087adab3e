/** An approval that a handler asks for, as an interrupt of its run, and the answer to it as the input that the handler takes. */
import type { Chunk, ChunkOf } from "@tachikoma/protocol";
import { InvalidParameter } from "../execution/request-body.ts";
import type { Interrupt } from "./agent-event.ts";
import type { ResumeEntry } from "./run-input.ts";

/** Names the execution too, so that the answer finds it. */
const ID_PATTERN = /^([0-9a-z]{1,64})\/(.+)$/su;

const RESPONSE_SCHEMA = {
  type: "object",
  properties: { approved: { type: "boolean" }, reason: { type: "string" } },
  required: ["approved"],
} as const;

export function interruptOf(executionId: string, chunk: ChunkOf<"tool-approval-request">): Interrupt {
  const { approvalId, toolCallId, reason } = chunk;
  return {
    id: `${executionId}/${approvalId}`,
    reason: "tool-approval",
    ...(reason === undefined ? {} : { message: reason }),
    toolCallId,
    responseSchema: RESPONSE_SCHEMA,
  };
}

/** One that a person answers. */
export function isApprovalRequest(chunk: Chunk): chunk is ChunkOf<"tool-approval-request"> {
  return chunk.type === "tool-approval-request" && chunk["isAutomatic"] !== true;
}

export interface ApprovalAnswer {
  readonly executionId: string;
  readonly approvalId: string;
  /** For the handler. */
  readonly data: object;
}

/** @throws INVALID_MESSAGE when it answers no interrupt of ours, or does not say whether the call is approved */
export function approvalAnswerOf(entry: ResumeEntry, index: number): ApprovalAnswer {
  const match = ID_PATTERN.exec(entry.interruptId);
  const place = `resume[${index}]`;
  if (match === null) {
    throw new InvalidParameter(`${place}.interruptId`, `${place}.interruptId is not the id of an interrupt`);
  }
  const [, executionId = "", approvalId = ""] = match;
  const data = { type: "tool-approval-response", approvalId, ...verdictOf(entry, place) };
  return { executionId, approvalId, data };
}

/** Nothing is approved that was not said to be. */
function verdictOf({ status, payload }: ResumeEntry, place: string): object {
  if (status === "cancelled") return { approved: false };
  if (typeof payload === "boolean") return { approved: payload };
  const fields = typeof payload === "object" && payload !== null ? payload : {};
  const approved = "approved" in fields ? fields.approved : undefined;
  const reason = "reason" in fields && typeof fields.reason === "string" ? { reason: fields.reason } : {};
  if (typeof approved === "boolean") return { approved, ...reason };
  throw new InvalidParameter(
    `${place}.payload`,
    `${place}.payload does not say whether the call is approved`,
  );
}
