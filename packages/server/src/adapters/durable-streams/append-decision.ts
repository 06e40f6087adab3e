/** What becomes of an append, as a function of the stream. The order of the questions is the protocol's. */
import {
  CLOSED,
  NEXT_OFFSET,
  PRODUCER_EPOCH,
  PRODUCER_EXPECTED_SEQ,
  PRODUCER_RECEIVED_SEQ,
} from "./header-names.ts";
import { formatOffset } from "./offset.ts";
import { badRequest, conflict, StreamFault } from "./stream-fault.ts";
import { mediaTypeOf, type Producer } from "./stream-headers.ts";
import { isForgettable, MAX_PRODUCERS, type StreamState } from "./stream-state.ts";

export interface AppendAsked {
  readonly producer: Producer | undefined;
  readonly streamSeq: string | undefined;
  readonly isClosing: boolean;
  /** `undefined` where there is nothing to append: the stream is only closed. */
  readonly contentType: string | undefined;
  readonly byteCount: number;
}

export interface AppendLimits {
  readonly maxStreamBytes: number;
}

/** `duplicate`: it was appended before. `closed`: it was closed before. */
export type AppendDecision = "append" | "duplicate" | "closed";

/** @throws StreamFault 400, 403, 409, 413 */
export function decideAppend(
  state: StreamState,
  asked: AppendAsked,
  nowMs: number,
  { maxStreamBytes }: AppendLimits,
): AppendDecision {
  const { producer, streamSeq, contentType, byteCount } = asked;
  if (producer !== undefined && isDuplicate(state, producer)) return "duplicate";
  if (state.isClosed) {
    if (contentType === undefined && producer === undefined) return "closed";
    throw conflict("The stream is closed", {
      [CLOSED]: "true",
      [NEXT_OFFSET]: formatOffset(state.tail),
    });
  }
  if (producer !== undefined) checkProducer(state, producer, nowMs);
  if (contentType !== undefined && mediaTypeOf(contentType) !== mediaTypeOf(state.config.contentType)) {
    throw conflict(`The stream is ${state.config.contentType}, what was sent is ${contentType}`);
  }
  if (streamSeq !== undefined && state.streamSeq !== undefined && streamSeq <= state.streamSeq) {
    throw conflict(
      `Stream-Seq ${JSON.stringify(streamSeq)} does not come after ${JSON.stringify(state.streamSeq)}`,
    );
  }
  const size = state.tail.bytes + byteCount;
  if (size > maxStreamBytes) {
    throw new StreamFault(
      "RECORD_TOO_LARGE",
      `The stream would have ${size} bytes, its limit is ${maxStreamBytes}`,
    );
  }
  return "append";
}

/** @throws StreamFault 403 where a later epoch of the producer has written */
function isDuplicate(state: StreamState, { id, epoch, seq }: Producer): boolean {
  const known = state.producers.get(id);
  if (known === undefined || epoch > known.epoch) return false;
  if (epoch === known.epoch) return seq <= known.seq;
  throw new StreamFault("FENCED", `Producer epoch ${epoch} is over, ${known.epoch} has written since`, {
    status: 403,
    headers: { [PRODUCER_EPOCH]: String(known.epoch) },
  });
}

function checkProducer(state: StreamState, { id, epoch, seq }: Producer, nowMs: number): void {
  const known = state.producers.get(id);
  if (known !== undefined && epoch > known.epoch && seq !== 0) {
    throw badRequest(`Producer-Seq is ${seq}: a new epoch begins with 0`);
  }
  const expected = known === undefined || epoch > known.epoch ? 0 : known.seq + 1;
  if (seq !== expected) {
    throw conflict(`Producer-Seq is ${seq}, expected is ${expected}`, {
      [PRODUCER_EXPECTED_SEQ]: String(expected),
      [PRODUCER_RECEIVED_SEQ]: String(seq),
    });
  }
  if (known === undefined && producerCount(state, nowMs) >= MAX_PRODUCERS) {
    throw conflict(`The stream has ${MAX_PRODUCERS} producers, its limit`);
  }
}

function producerCount({ producers }: StreamState, nowMs: number): number {
  if (producers.size < MAX_PRODUCERS) return producers.size;
  return [...producers.values()].filter(({ atMs }) => !isForgettable(atMs, nowMs)).length;
}
