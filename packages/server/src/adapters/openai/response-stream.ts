/**
 * The events of a response after a number, from its log. The log is read from its beginning and what was had is left out: so the
 * numbers come out the same whatever was read before, and by whom.
 */
import { errorCodeOf, TachikomaError } from "@tachikoma/protocol";
import { RESTARTED_FAULT } from "../execution/execution-end.ts";
import {
  type ExecutionFrame,
  type ExecutionReading,
  executionFrames,
  isEnd,
  seqOf,
} from "../execution/execution-frames.ts";
import { sseEvent } from "../execution/server-sent-events.ts";
import type { KnownResponse } from "./response-record.ts";
import { ResponseTranslation } from "./response-translation.ts";

export interface ResponseStreamOptions {
  readonly response: KnownResponse;
  /** From the first record of the response's channel, each record a frame of its own. */
  readonly reading: ExecutionReading;
  /** Of the last event that the client has; -1 for none. */
  readonly afterNumber: number;
  /** Where the newest attempt began when the reading began, and where the log ended. */
  readonly beginSeq: number;
  readonly headSeq: number;
}

interface Fault {
  readonly code: string;
  readonly message: string;
}

/** Ends with the event that says how the response ended, or with an `error`. */
export async function* responseStream(
  options: ResponseStreamOptions,
): AsyncGenerator<string, void, undefined> {
  const events = new ResponseTranslation(options.response);
  let shownNumber = options.afterNumber;
  try {
    for await (const frame of executionFrames(options.reading)) {
      if (isVoiding(frame) && hasShownVoid(events, shownNumber)) {
        yield errorEvent(RESTARTED_FAULT, shownNumber);
        return;
      }
      const isVoid = seqOf(frame) < options.beginSeq;
      for (const event of events.accept(frame)) {
        if (isVoid || event.sequence_number <= options.afterNumber) continue;
        shownNumber = event.sequence_number;
        yield sseEvent(event.type, event);
      }
      const isAtHead = isEnd(frame) || seqOf(frame) >= options.headSeq;
      if (isAtHead && events.lastNumber < options.afterNumber) {
        yield errorEvent(aheadFault(options.afterNumber, events.lastNumber), events.lastNumber);
        return;
      }
    }
  } catch (cause) {
    // A store that is away is a cut, after which the client asks again. What is gone is gone.
    if (errorCodeOf(cause) !== "NOT_FOUND") throw cause;
    yield errorEvent(cause as TachikomaError, Math.max(0, shownNumber));
  }
}

function isVoiding({ type }: ExecutionFrame): boolean {
  return type === "execution_started" || type === "execution_restarted";
}

/** Whether the client has content of what was written so far, and nothing that comes after it. */
function hasShownVoid({ firstContentNumber, lastNumber }: ResponseTranslation, shownNumber: number): boolean {
  return firstContentNumber !== undefined && firstContentNumber <= shownNumber && shownNumber <= lastNumber;
}

function aheadFault(afterNumber: number, lastNumber: number): Fault {
  return new TachikomaError(
    "INVALID_POSITION",
    `starting_after is ${afterNumber}, and the newest event has the number ${lastNumber}`,
  );
}

function errorEvent({ code, message }: Fault, sequenceNumber: number): string {
  return sseEvent("error", { type: "error", code, message, param: null, sequence_number: sequenceNumber });
}
