/** Whether anything can still come on a stream that is asked for, and with what it ends. */
import { EXECUTION_NAMESPACE, namespaceOf } from "@tachikoma/protocol";
import type { LastExecution } from "../../core/requests/last-execution.ts";
import { lastExecution } from "../../core/requests/last-execution.ts";
import { placeFor } from "../../core/resume-place.ts";
import type { Admitted, SessionServer } from "../../core/session-server.ts";
import type { EventRequest } from "./event-request.ts";

export interface StreamEnd {
  /** Nothing will ever come: the execution has ended, and the client has its end. */
  readonly isOver: boolean;
  /** The execution whose end is the end of the stream. */
  readonly endsWith: string | "any" | undefined;
}

const ENDLESS: StreamEnd = { isOver: false, endsWith: undefined };

export async function streamEndOf(
  core: SessionServer,
  { identity, opened }: Admitted,
  { followed, isUntilEnd }: EventRequest,
): Promise<StreamEnd> {
  const [only] = followed;
  if (only === undefined || followed.length > 1) return ENDLESS;
  const position = only.position ?? opened.session.positions.get(only.channel);
  const isPrivate = namespaceOf(only.channel) === EXECUTION_NAMESPACE;
  // A private channel has one execution: behind its end there is nothing for who has it already.
  if (!isUntilEnd && !(isPrivate && position !== undefined)) return ENDLESS;
  const key = { tenant: identity.tenant, channel: only.channel };
  const place = await placeFor(core.hub, key, await core.hub.open(key), { position, since: only.since });
  const last = await lastExecution(core.hub, key);
  const isOver = place.resetReason === undefined && hasEndedBy(last, place.from.seq);
  return { isOver, endsWith: isUntilEnd ? (last?.executionId ?? "any") : undefined };
}

function hasEndedBy(last: LastExecution | undefined, seq: number): boolean {
  return last?.endSeq !== undefined && last.endSeq <= seq;
}
