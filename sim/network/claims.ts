import type { RecordOf } from "../history/history-record.ts";

interface Claim {
  readonly epoch: string;
  readonly seq: number;
}

/** From the start, the head, or wherever a reset led: what comes from there may cross what is said later. */
const UNKNOWN: Claim = { epoch: "", seq: -1 };

/** What a client has said that it has, over one connection. It is not to be sent again there. */
export class Claims {
  readonly #lowest = new Map<string, Claim>();

  /** The server has read this. */
  take(text: string): void {
    if (!text.startsWith('{"type":"subscribe"')) return;
    const { channel, position } = JSON.parse(text) as {
      readonly channel: string;
      readonly position?: string;
    };
    const [epoch = "", seq = "0"] = position?.split(".") ?? [];
    if (position !== undefined) this.#lower(channel, { epoch, seq: Number(seq) });
    else this.#lowest.set(channel, UNKNOWN);
  }

  /** The client has read this. */
  hear(text: string): void {
    // What it has is not what the log has.
    if (!text.startsWith('{"type":"reset"')) return;
    this.#lowest.set((JSON.parse(text) as { readonly channel: string }).channel, UNKNOWN);
  }

  isSentAgain({ stream, epoch, seq, fromSeq }: Omit<RecordOf<"wire">, "timeMs">): boolean {
    const claim = this.#lowest.get(stream.slice(stream.indexOf("/") + 1));
    return claim !== undefined && claim.epoch === epoch && (fromSeq ?? seq) <= claim.seq;
  }

  /** What was asked before may still be under way. */
  #lower(channel: string, claim: Claim): void {
    const known = this.#lowest.get(channel);
    if (known === UNKNOWN) return;
    const isLower = known === undefined || known.epoch !== claim.epoch || claim.seq < known.seq;
    if (isLower) this.#lowest.set(channel, claim);
  }
}
