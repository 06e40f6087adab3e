/**
 * Who has been given the end of an answer, and who was cut off before. An HTTP client that comes back says nothing of what it has, so
 * this is how the server knows whether an answer that ended meanwhile is still owed. It is of this process only, and it knows what was
 * handed to the network, not what arrived: where nothing is known the answer is given again.
 */
export interface EndDelivery {
  readonly isGiven: boolean;
  /** Streams that were cut before the end and have not come back since. */
  readonly cutCount: number;
}

export interface EndReader {
  readonly tenant: string;
  readonly clientId: string;
  readonly channel: string;
}

interface Entry extends EndDelivery {
  readonly executionId: string;
}

/** Chats that are remembered, those that were read last. */
const MAX_ENTRIES = 10_000;

const UNKNOWN: EndDelivery = { isGiven: false, cutCount: 0 };

export class EndLedger {
  readonly #entries = new Map<string, Entry>();

  of(reader: EndReader, executionId: string): EndDelivery {
    const entry = this.#entries.get(keyOf(reader));
    return entry?.executionId === executionId ? entry : UNKNOWN;
  }

  noteGiven(reader: EndReader, executionId: string): void {
    const { cutCount } = this.of(reader, executionId);
    this.#note(reader, { executionId, isGiven: true, cutCount: Math.max(0, cutCount - 1) });
  }

  noteCut(reader: EndReader, executionId: string): void {
    const { isGiven, cutCount } = this.of(reader, executionId);
    this.#note(reader, { executionId, isGiven, cutCount: cutCount + 1 });
  }

  #note(reader: EndReader, entry: Entry): void {
    const key = keyOf(reader);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > MAX_ENTRIES) this.#entries.delete(this.#entries.keys().next().value!);
  }
}

function keyOf({ tenant, clientId, channel }: EndReader): string {
  return JSON.stringify([tenant, clientId, channel]);
}
