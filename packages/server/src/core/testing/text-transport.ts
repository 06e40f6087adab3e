/** A transport for tests: messages as lines of text, with as much room as the test gives it. */
import type { Framing, Transport } from "../ports.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export const lineFraming: Framing = { id: "lines", frame: (text) => encoder.encode(`${text}\n`) };

export class TextTransport implements Transport {
  readonly framing = lineFraming;
  answersPings = true;
  /** Messages that were written and not taken yet, parsed. */
  readonly messages: Record<string, unknown>[] = [];
  readonly pings: number[] = [];
  writeCount = 0;
  bufferedBytes = 0;
  isReading = true;
  closed: { readonly code: number; readonly reason: string } | undefined;
  /** While true, written bytes stay in the buffer. */
  isStalled = false;

  write(bytes: Uint8Array): void {
    this.writeCount += 1;
    if (this.isStalled) this.bufferedBytes += bytes.byteLength;
    for (const line of decoder.decode(bytes).split("\n")) {
      if (line !== "") this.messages.push(JSON.parse(line) as Record<string, unknown>);
    }
  }

  ping(checkpoint: number): void {
    this.pings.push(checkpoint);
  }

  pauseReading(): void {
    this.isReading = false;
  }

  resumeReading(): void {
    this.isReading = true;
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  /** Everything of one type so far, in order. */
  ofType(type: string): Record<string, unknown>[] {
    return this.messages.filter((message) => message["type"] === type);
  }
}
