/** The response as a whole: what it was asked for, and how far it has come. */
import type { Usage } from "@tachikoma/protocol";
import type { ExecutionFault } from "../execution/execution-end.ts";
import { responseUsage } from "./openai-usage.ts";
import type { KnownResponse } from "./response-record.ts";

export type ResponseStatus = "in_progress" | "completed" | "failed" | "cancelled" | "incomplete";

export interface ResponseState {
  readonly status: ResponseStatus;
  readonly output: readonly object[];
  readonly usage: Usage | undefined;
  readonly fault: ExecutionFault | undefined;
  /** Why it is incomplete. */
  readonly reason: string | undefined;
}

/** Fields of the request that a response repeats, with what they are where the request has none. */
const REPEATED = {
  max_output_tokens: null,
  max_tool_calls: null,
  parallel_tool_calls: true,
  reasoning: null,
  service_tier: null,
  temperature: null,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_logprobs: null,
  top_p: null,
  truncation: "disabled",
} as const;

export function responseObject({ id, record }: KnownResponse, state: ResponseState): object {
  const { parameters } = record;
  const repeated = Object.entries(REPEATED).map(([name, absent]) => [name, parameters[name] ?? absent]);
  return {
    id,
    object: "response",
    created_at: record.created_at,
    status: state.status,
    background: record.is_background,
    error: state.fault === undefined ? null : { code: state.fault.code, message: state.fault.message },
    incomplete_details: state.reason === undefined ? null : { reason: state.reason },
    instructions: record.instructions,
    metadata: record.metadata,
    model: record.model,
    output: state.output,
    ...Object.fromEntries(repeated),
    previous_response_id: record.previous_response_id,
    store: record.is_stored,
    usage: state.usage === undefined ? null : responseUsage(state.usage),
  };
}
