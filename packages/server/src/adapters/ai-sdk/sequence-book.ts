/**
 * Where in the log the chunks of an answer were that a client has by number. Numbers count what one stream was sent, and how much of the
 * log a chunk covers depends on when it was sent: so they mean nothing but in the stream that they come from, which is remembered here.
 */
export interface SequencePlace {
  readonly executionId: string;
  readonly epoch: string;
  /** Of the last record that the client has. */
  readonly seq: number;
}

/** Adjacent chunks that each covered one record. */
interface Stretch {
  readonly sequence: number;
  readonly seq: number;
  lastSequence: number;
}

/** Stretches of one stream; of a longer one the end is remembered. */
const MAX_STRETCHES = 1_024;

export class SequencePage {
  readonly executionId: string;
  readonly epoch: string;
  readonly #stretches: Stretch[] = [];

  constructor(executionId: string, epoch: string) {
    this.executionId = executionId;
    this.epoch = epoch;
  }

  note(sequence: number, seq: number): void {
    const last = this.#stretches.at(-1);
    const isNext = last !== undefined && last.lastSequence + 1 === sequence;
    if (isNext && seq - last.seq === sequence - last.sequence) last.lastSequence = sequence;
    else this.#stretches.push({ sequence, seq, lastSequence: sequence });
    if (this.#stretches.length > MAX_STRETCHES) this.#stretches.shift();
  }

  placeAfter(sequence: number): SequencePlace | undefined {
    const found = this.#stretches.findLast((stretch) => stretch.sequence <= sequence);
    if (found === undefined || found.lastSequence < sequence) return undefined;
    const { executionId, epoch } = this;
    return { executionId, epoch, seq: found.seq + sequence - found.sequence };
  }
}

/** Streams that are remembered, of as many chats: of each reader the one that began last. */
const MAX_PAGES = 1_000;

export class SequenceBook {
  readonly #pages = new Map<string, SequencePage>();

  open(reader: string, page: SequencePage): void {
    this.#pages.delete(reader);
    this.#pages.set(reader, page);
    if (this.#pages.size > MAX_PAGES) this.#pages.delete(this.#pages.keys().next().value!);
  }

  placeAfter(reader: string, sequence: number): SequencePlace | undefined {
    return this.#pages.get(reader)?.placeAfter(sequence);
  }
}
