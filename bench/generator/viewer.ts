import { scanMarks } from "../mark.ts";
import type { Dialect, JoinAsk } from "./dialect.ts";
import { Link } from "./link.ts";
import { MarkTrack, type Tally } from "./tally.ts";

export interface ViewerOptions {
  readonly id: string;
  readonly channel?: string;
  readonly dialect: Dialect;
  readonly tally: Tally;
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

  cut(): void {
    this.#link?.cut();
  }

  #ask(port: number, onRead?: () => void): JoinAsk {
    const { id, channel, tally } = this.#options;
    const onMark = (index: number, madeAtMicros: number | undefined) => this.track.note(index, madeAtMicros);
    const hooks = {
      onText: (bytes: Buffer, start: number, end: number) => {
        if (!this.dialect.look(bytes, start, end)) tally.discontinuityCount += 1;
        scanMarks(bytes, start, end, onMark);
      },
      onRead: () => {
        tally.readEnded();
        onRead?.();
      },
    };
    return { viewerId: id, channel, open: (path) => Link.open(port, path, hooks) };
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
