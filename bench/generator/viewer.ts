import { scanMarks } from "../mark.ts";
import type { Dialect, JoinAsk } from "./dialect.ts";
import { Link, type Traffic } from "./link.ts";
import { MarkTrack, type Tally } from "./tally.ts";

export interface ViewerOptions {
  readonly id: string;
  readonly channel?: string;
  readonly dialect: Dialect;
  readonly tally: Tally;
  /** Each text message, once the conversation is set up. */
  readonly onText?: (bytes: Buffer, start: number, end: number) => void;
  /** How long an answer of the server may take. */
  readonly deadlineMs?: number;
}

/** One client: a link, what it speaks, and what it has seen. */
export class Viewer {
  readonly track: MarkTrack;
  readonly dialect: Dialect;
  readonly #options: ViewerOptions;
  #link: Link | undefined;

  constructor(options: ViewerOptions) {
    this.#options = options;
    this.dialect = options.dialect;
    this.track = new MarkTrack(options.tally);
  }

  get fault(): string | undefined {
    return this.#link?.fault;
  }

  async join(port: number, onRead?: () => void): Promise<void> {
    this.#link = await this.dialect.join(this.#ask(port, onRead));
    this.#link.settle();
  }

  async rejoin(port: number): Promise<void> {
    this.#link = await this.dialect.rejoin(this.#ask(port));
    this.#link.settle();
  }

  send(texts: readonly string[]): void {
    this.#link?.sendAll(texts);
  }

  get traffic(): Traffic {
    return this.#link?.traffic ?? { byteCount: 0, frameCount: 0 };
  }

  pause(): void {
    this.#link?.pause();
  }

  readOn(): void {
    this.#link?.readOn();
  }

  cut(): void {
    this.#link?.cut();
  }

  #ask(port: number, onRead?: () => void): JoinAsk {
    const { id, channel, tally, onText, deadlineMs } = this.#options;
    const onMark = (index: number, madeAtMicros: number | undefined) => this.track.note(index, madeAtMicros);
    const hooks = {
      onText: (bytes: Buffer, start: number, end: number) => {
        if (!this.dialect.look(bytes, start, end)) tally.discontinuityCount += 1;
        scanMarks(bytes, start, end, onMark);
        onText?.(bytes, start, end);
      },
      onRead: () => {
        tally.readEnded();
        onRead?.();
      },
    };
    return { viewerId: id, channel, open: (path) => Link.open(port, path, hooks, deadlineMs) };
  }
}

const MAX_HANDSHAKES_AT_ONCE = 50;

/** Opens viewers, a bounded number at a time: a burst of handshakes is measured elsewhere. */
export async function joinAll(viewers: readonly Viewer[], port: number, onRead?: () => void): Promise<void> {
  for (let at = 0; at < viewers.length; at += MAX_HANDSHAKES_AT_ONCE) {
    const batch = viewers.slice(at, at + MAX_HANDSHAKES_AT_ONCE);
    await Promise.all(batch.map((viewer) => viewer.join(port, onRead)));
  }
}
