import { channelNameFault, formatPosition, TachikomaError } from "@tachikoma/protocol";
import { checkRecordSize, type LogHub } from "./log/log-hub.ts";
import type { NamespaceTable } from "./namespace.ts";

export interface PublishRequest {
  readonly tenant: string;
  readonly channel: string;
  readonly data: unknown;
  readonly sender?: string | undefined;
  /** The same id of the same sender again publishes nothing and gives the first position. */
  readonly commandId?: string | undefined;
}

/**
 * Appends a message to a channel. Asking whether it is allowed is the caller's part.
 *
 * @returns the position of the record
 * @throws INVALID_CHANNEL, RECORD_TOO_LARGE, STORE_UNAVAILABLE
 */
export async function publishMessage(
  parts: { readonly hub: LogHub; readonly namespaces: NamespaceTable },
  request: PublishRequest,
): Promise<string> {
  const { tenant, channel, sender, commandId } = request;
  const fault = channelNameFault(channel);
  if (fault !== undefined) throw new TachikomaError("INVALID_CHANNEL", fault);
  const body = JSON.stringify(request.data ?? null);
  checkRecordSize(body, channel, parts.namespaces.configOf(channel).maxRecordBytes);
  const result = await parts.hub.append(
    { tenant, channel },
    [{ type: "message", body, ...(sender === undefined ? {} : { sender }) }],
    { idempotencyKey: commandId === undefined ? undefined : JSON.stringify([sender ?? "", commandId]) },
  );
  return formatPosition({ epoch: result.epoch, seq: result.lastSeq, tag: result.tag });
}
