/** Everything that passed on the connections of one case, for the report of a failure. */
export interface TranscriptLine {
  readonly atMs: number;
  /** Name of the connection: `a` is the first one of the case. */
  readonly connection: string;
  /** `>` sent, `<` received, `*` what happened to the connection. */
  readonly mark: ">" | "<" | "*";
  readonly text: string;
}

const MAX_LINE_CHARS = 400;
/** Cases that move a lot of data are told by their end. */
const MAX_LINES = 2_000;

export class Transcript {
  readonly #startedAtMs = performance.now();
  readonly #lines: TranscriptLine[] = [];
  #droppedCount = 0;

  note(connection: string, mark: TranscriptLine["mark"], text: string): void {
    const isCut = text.length > MAX_LINE_CHARS;
    this.#lines.push({
      atMs: Math.round(performance.now() - this.#startedAtMs),
      connection,
      mark,
      text: isCut ? `${text.slice(0, MAX_LINE_CHARS)}… (${text.length} characters)` : text,
    });
    if (this.#lines.length <= MAX_LINES) return;
    this.#lines.shift();
    this.#droppedCount += 1;
  }

  /** @param maxLines the last so many; the first line says how many are left out */
  texts(maxLines: number): string[] {
    const shown = this.#lines.slice(-maxLines);
    const leftOutCount = this.#droppedCount + this.#lines.length - shown.length;
    const texts = shown.map(
      ({ atMs, connection, mark, text }) => `${String(atMs).padStart(6)} ms  ${connection} ${mark} ${text}`,
    );
    return leftOutCount === 0 ? texts : [`(${leftOutCount} earlier lines)`, ...texts];
  }
}
