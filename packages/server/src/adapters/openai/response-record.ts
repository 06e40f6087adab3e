/**
 * What a response was asked for. It is kept as the first record of the response's own channel, before the execution starts, so
 * that every reading of the log, on every node, makes the same response of it.
 */
import { EXECUTION_NAMESPACE, type TachikomaError } from "@tachikoma/protocol";
import type { Identity } from "../../core/identity.ts";
import type { ClaimedExecution } from "../../core/requests/requests.ts";
import type { SessionServer } from "../../core/session-server.ts";
import { notRetained, unknownExecution } from "../execution/execution-frames.ts";
import type { InputMessage } from "../execution/input-message.ts";

export interface ResponseRecord {
  readonly type: typeof RECORD_TYPE;
  readonly created_at: number;
  readonly model: string;
  readonly is_background: boolean;
  readonly is_stored: boolean;
  readonly instructions: string | null;
  readonly previous_response_id: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** What else was asked for, and is said again in the response. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The conversation up to here, without instructions; absent where it was not to be stored. */
  readonly messages?: readonly InputMessage[];
}

export interface KnownResponse extends ClaimedExecution {
  readonly id: string;
  readonly record: ResponseRecord;
}

export const RECORD_TYPE = "openai.response";

const ID_PATTERN = /^resp_([0-9a-z]{1,64})$/;
const SHOWN_CHARS = 80;

export function responseId(executionId: string): string {
  return `resp_${executionId}`;
}

/** Keeps the record, once for each response. @throws RECORD_TOO_LARGE, STORE_UNAVAILABLE */
export async function keepRecord(
  core: SessionServer,
  identity: Identity,
  { executionId, channel }: ClaimedExecution,
  record: ResponseRecord,
): Promise<void> {
  const { tenant, clientId } = identity;
  await core.publish({
    tenant,
    channel,
    data: record,
    sender: clientId,
    commandId: `response:${executionId}`,
  });
}

/** @throws UNKNOWN_EXECUTION, NOT_FOUND, FORBIDDEN, STORE_UNAVAILABLE */
export async function findResponse(
  core: SessionServer,
  identity: Identity,
  id: string,
): Promise<KnownResponse> {
  const executionId = ID_PATTERN.exec(id)?.[1];
  if (executionId === undefined) throw noResponse(id);
  const response = await readRecord(core, identity, {
    executionId,
    channel: `${EXECUTION_NAMESPACE}:${executionId}`,
  });
  if (!response.record.is_stored) throw noResponse(id);
  return response;
}

/** The response of an execution that was just started, whether or not others may find it. */
export async function readRecord(
  core: SessionServer,
  identity: Identity,
  execution: ClaimedExecution,
): Promise<KnownResponse> {
  const { executionId, channel } = execution;
  const id = responseId(executionId);
  await core.requests.require(identity, "history", channel);
  const read = await core.hub.read({ tenant: identity.tenant, channel }, 0, 1, 1);
  const first = read?.records[0];
  if (first === undefined) throw noResponse(id);
  if (first.seq !== 1) throw notRetained();
  const record = first.type === "message" ? (JSON.parse(first.body) as Partial<ResponseRecord> | null) : null;
  if (record?.type !== RECORD_TYPE) throw noResponse(id);
  return { id, executionId, channel, record: record as ResponseRecord };
}

function noResponse(id: string): TachikomaError {
  return unknownExecution(id.slice(0, SHOWN_CHARS));
}
