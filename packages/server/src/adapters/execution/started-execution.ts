/** Starting an execution for a request, and reading it from where it counts. */
import { formatPosition } from "@tachikoma/protocol";
import type { Identity } from "../../core/identity.ts";
import type { DeltaFrames } from "../../core/ports.ts";
import type { AttemptBegin } from "../../core/requests/attempt-begin.ts";
import type { ChannelReader } from "../../core/requests/channel-reader.ts";
import type { ClaimedExecution, ExecuteRequest } from "../../core/requests/requests.ts";
import type { SessionServer } from "../../core/session-server.ts";
import { notRetained, unknownExecution } from "./execution-frames.ts";

/**
 * Starts an execution and has it read. It is watched from before its start, so that `on_unwatched` means those who are gone and
 * not those who are just coming.
 */
export async function withStarted<Value>(
  core: SessionServer,
  identity: Identity,
  request: ExecuteRequest,
  attach: (started: ClaimedExecution) => Promise<Value>,
): Promise<Value> {
  let watcher: ChannelReader | undefined;
  try {
    const started = await core.requests.execute(identity, {
      ...request,
      beforeStart: async (claimed) => {
        await request.beforeStart?.(claimed);
        const { reader } = await core.requests.read(identity, claimed.channel, {});
        watcher = reader;
      },
    });
    return await attach(started);
  } finally {
    watcher?.close();
  }
}

export interface AttemptReading {
  readonly reader: ChannelReader;
  readonly begin: AttemptBegin;
}

/** Begins to read an execution where its newest attempt begins. @throws NOT_FOUND, FORBIDDEN, STORE_UNAVAILABLE */
export async function readAttempt(
  core: SessionServer,
  identity: Identity,
  execution: ClaimedExecution,
  deltas: DeltaFrames,
): Promise<AttemptReading> {
  const begin = await core.requests.attemptBegin(identity, execution);
  if (begin === undefined) throw unknownExecution(execution.executionId);
  if (begin.before === undefined) throw notRetained();
  const position = formatPosition(begin.before);
  const { reader, resetReason } = await core.requests.read(identity, execution.channel, { position, deltas });
  if (resetReason === undefined) return { reader, begin };
  reader.close();
  throw notRetained();
}
