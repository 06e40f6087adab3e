/** One answer as Tachikoma sends it, put together again. */
const CHUNK = '{"type":"chunk"';
/** Of whatever an execution says at its end. */
const ENDINGS = [
  '{"type":"execution_completed"',
  '{"type":"execution_failed"',
  '{"type":"execution_cancelled"',
];
const ENDING_CHARS = Math.max(...ENDINGS.map(({ length }) => length));

interface ChunkMessage {
  readonly n?: number;
  readonly chunk: { readonly type: string; readonly delta?: string };
}

export class AnswerReader {
  readonly ended: Promise<void>;
  /** When the first chunk was there, and when the last record. */
  firstAtMs = 0;
  endedAtMs = 0;
  #resolve: () => void;
  /** Parsed only when all is here: while it comes, others are timed. */
  readonly #chunks: string[] = [];

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolve = resolve;
  }

  readonly onText = (bytes: Buffer, start: number, end: number): void => {
    const head = bytes.toString("latin1", start, Math.min(end, start + ENDING_CHARS));
    if (head.startsWith(CHUNK)) {
      if (this.firstAtMs === 0) this.firstAtMs = performance.now();
      this.#chunks.push(bytes.toString("utf8", start, end));
    } else if (ENDINGS.some((ending) => head.startsWith(ending))) {
      this.endedAtMs = performance.now();
      this.#resolve();
    }
  };

  get text(): string {
    return this.#messages.map(({ chunk }) => (chunk.type === "text-delta" ? chunk.delta : "")).join("");
  }

  /** Records of the log that the chunks stand for. */
  get recordCount(): number {
    return this.#messages.reduce((sum, { n = 1 }) => sum + n, 0);
  }

  get #messages(): ChunkMessage[] {
    return this.#chunks.map((text) => JSON.parse(text) as ChunkMessage);
  }
}
