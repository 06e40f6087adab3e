/** A response read as a whole: as far as it has come, or to its end. */
import type { Identity } from "../../core/identity.ts";
import type { SessionServer } from "../../core/session-server.ts";
import { executionFrames } from "../execution/execution-frames.ts";
import { type AttemptReading, readAttempt } from "../execution/started-execution.ts";
import type { KnownResponse } from "./response-record.ts";
import { ResponseTranslation } from "./response-translation.ts";

/** @throws UNKNOWN_EXECUTION, NOT_FOUND, FORBIDDEN, STORE_UNAVAILABLE */
export async function responseSoFar(
  core: SessionServer,
  identity: Identity,
  response: KnownResponse,
  signal: AbortSignal,
): Promise<ResponseTranslation> {
  const attempt = await readAttempt(core, identity, response, "merged");
  return translated(response, attempt, { signal, untilSeq: attempt.begin.headSeq });
}

/** @throws UNKNOWN_EXECUTION, NOT_FOUND, FORBIDDEN, STORE_UNAVAILABLE */
export async function responseAtEnd(
  core: SessionServer,
  identity: Identity,
  response: KnownResponse,
  signal: AbortSignal,
): Promise<ResponseTranslation> {
  return translated(response, await readAttempt(core, identity, response, "merged"), { signal });
}

async function translated(
  response: KnownResponse,
  { reader }: AttemptReading,
  extent: { readonly signal: AbortSignal; readonly untilSeq?: number },
): Promise<ResponseTranslation> {
  const translation = new ResponseTranslation(response);
  const reading = { reader, executionId: response.executionId, ...extent };
  for await (const frame of executionFrames(reading)) translation.accept(frame);
  return translation;
}
