/** A frame as it arrived, before any client has judged it, in the words of the history. */
import { decodeServerMessage, RESERVED_PREFIX } from "@tachikoma/protocol";
import { isRecordFrame, spanOf } from "../packages/client/src/channel/record-frame.ts";
import type { RecordOf } from "./history/history-record.ts";
import { chunkValue, endValue, messageValue, outcomeOf, restartValue, startValue } from "./record-value.ts";

/** `undefined` for a frame that carries no record of a channel that applications use. */
export function wireRecord(
  session: string,
  conn: string,
  text: string,
): Omit<RecordOf<"wire">, "timeMs"> | undefined {
  const message = decodeServerMessage(text);
  if (message === undefined || !isRecordFrame(message) || message.channel.startsWith(RESERVED_PREFIX))
    return undefined;
  const span = spanOf(message);
  if (span === undefined || message.type === "skip") return undefined;
  const { last, firstSeq } = span;
  return {
    kind: "wire",
    session,
    conn,
    stream: `default/${message.channel}`,
    ...last,
    val: frameValue(message),
    ...(firstSeq < last.seq ? { fromSeq: firstSeq } : {}),
  };
}

function frameValue(message: Parameters<typeof spanOf>[0]): string {
  if (message.type === "message") return messageValue(message.data);
  if (message.type === "chunk") return chunkValue(message.executionId, message.chunk);
  if (message.type === "execution_started") return startValue(message.executionId);
  if (message.type === "execution_restarted") return restartValue(message.executionId, message.attempt);
  if (message.type === "skip") return "";
  return endValue(message.executionId, outcomeOf(message.type) ?? message.type);
}

type WireFields = ReturnType<typeof wireRecord>;

/** Reads frames that several clients get as the same text once. */
export class WireReader {
  readonly #known = new Map<string, WireFields>();

  read(session: string, conn: string, text: string): WireFields {
    let known = this.#known.get(text);
    if (known === undefined && !this.#known.has(text)) {
      known = wireRecord(session, conn, text);
      this.#known.set(text, known);
    }
    return known === undefined ? undefined : { ...known, session, conn };
  }
}
