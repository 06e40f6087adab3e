/**
 * What every connection of the suite checks by itself, whatever its case is about: records come without a gap after the place
 * where the server put the subscription, what is not continuous is announced first, an execution ends once, and a record that
 * comes again is the same record.
 *
 * A case whose own expectations held still fails on what was found here.
 */
import {
  coverOf,
  isRecordFrame,
  isTerminal,
  positionOf,
  type RecordFrame,
  type WireMessage,
} from "./wire-message.ts";

export interface Violation {
  readonly rule: string;
  readonly text: string;
}

interface Place {
  readonly epoch: string;
  readonly seq: number;
}

/** Records that were seen on any connection of a case: none of them may become another one. */
export class SeenRecords {
  readonly #byPlace = new Map<string, string>();

  /** False when the place held something else before. */
  accepts(frame: RecordFrame): boolean {
    // A merged chunk is not one record, and a skip stands for one that others see.
    if ((frame.n ?? 1) !== 1 || frame.type === "skip") return true;
    const { epoch, seq } = positionOf(frame.position);
    const place = JSON.stringify([frame.channel, epoch, seq]);
    const record = canonical(frame);
    const before = this.#byPlace.get(place);
    if (before === undefined) this.#byPlace.set(place, record);
    return before === undefined || before === record;
  }
}

export class DeliveryWatch {
  readonly violations: Violation[] = [];
  readonly #seen: SeenRecords;
  readonly #arePositionsOwn: boolean;
  readonly #places = new Map<string, Place>();
  readonly #resetDue = new Set<string>();
  readonly #unsubscribed = new Set<string>();
  readonly #endSeqs = new Map<string, number>();

  constructor(seen: SeenRecords, arePositionsOwn: boolean) {
    this.#seen = seen;
    this.#arePositionsOwn = arePositionsOwn;
  }

  /** What the client asks for: a channel that it asks for again may be delivered again. */
  sent(message: { readonly type?: unknown; readonly channel?: unknown }): void {
    if (message.type === "subscribe" || message.type === "execute") {
      this.#unsubscribed.delete(String(message.channel));
    }
  }

  received(message: WireMessage): void {
    switch (message.type) {
      case "welcome":
        return this.#welcomed(message);
      case "subscribed":
        return this.#put(message, message.recovered === false);
      case "reset":
        return this.#put(message, false);
      case "unsubscribed":
        this.#places.delete(message.channel ?? "");
        this.#unsubscribed.add(message.channel ?? "");
        return;
      default:
        if (isRecordFrame(message)) this.#delivered(message);
    }
  }

  #welcomed({ subscriptions = [] }: WireMessage): void {
    for (const { channel, position, recovered } of subscriptions) {
      if (position === undefined || this.#arePositionsOwn) continue;
      this.#put({ type: "welcome", channel, position }, !recovered);
    }
  }

  #put({ channel = "", position }: WireMessage, isResetDue: boolean): void {
    const { epoch, seq } = positionOf(position);
    this.#places.set(channel, { epoch, seq });
    this.#unsubscribed.delete(channel);
    if (isResetDue) this.#resetDue.add(channel);
    else this.#resetDue.delete(channel);
  }

  #delivered(frame: RecordFrame): void {
    const { channel } = frame;
    const { epoch } = positionOf(frame.position);
    const { fromSeq, toSeq } = coverOf(frame);
    const place = this.#places.get(channel);
    const where = `${frame.type} ${fromSeq}..${toSeq} of ${channel}`;
    if (this.#unsubscribed.has(channel)) this.#violate("SUB-11", `${where} came after unsubscribed`);
    if (this.#resetDue.has(channel)) this.#violate("DEL-12", `${where} came before the reset that was due`);
    if (!(fromSeq >= 1 && fromSeq <= toSeq)) this.#violate("DEL-1", `${where} covers no records`);
    // Without a place the subscription was made by an execute whose receipt is still to come (CMD-7).
    if (place !== undefined && place.epoch !== epoch)
      this.#violate("DEL-12", `${where} is of another epoch, and no reset came before it`);
    else if (place !== undefined && place.seq + 1 !== fromSeq)
      this.#violate("DEL-2", `${where} does not begin right after ${place.seq}`);
    if (!this.#seen.accepts(frame)) this.#violate("POS-4", `${where} is another record than before`);
    this.#checkEnd(frame, toSeq, where);
    this.#places.set(channel, { epoch, seq: toSeq });
  }

  #checkEnd(frame: RecordFrame, seq: number, where: string): void {
    if (frame.execution_id === undefined) return;
    const endSeq = this.#endSeqs.get(frame.execution_id);
    if (endSeq !== undefined && seq > endSeq)
      this.#violate("EXE-3", `${where} came after the terminal record of ${frame.execution_id} at ${endSeq}`);
    else if (isTerminal(frame)) this.#endSeqs.set(frame.execution_id, seq);
  }

  #violate(rule: string, text: string): void {
    this.violations.push({ rule, text });
  }
}

/** The content of a record, however its fields are ordered. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
