/**
 * What nodes tell each other in passing, given to whom it concerns. A hint may be lost, late or repeated: it only makes sooner
 * what a periodic look at the store finds as well. Signals are the exception, and may be missed.
 */
import type { Position } from "@tachikoma/protocol";
import type { HintListener, LogKey, Store } from "../../stores/store.ts";
import type { Logger } from "../ports.ts";

/** What a node says about a channel to the others that follow it. */
export type Note = SignalNote | PresenceNote;

export interface SignalNote {
  readonly kind: "signal";
  /** The message as it goes to every subscriber. */
  readonly text: string;
}

/** The presence roster of the channel has changed; without the change it has to be read anew. */
export interface PresenceNote {
  readonly kind: "presence";
  readonly change?: RosterChange;
}

/** One change of a roster, and the version that it made. */
export interface RosterChange {
  readonly version: number;
  readonly id: string;
  /** Absent when the entry was struck. */
  readonly value?: string | undefined;
}

type NoteOf<Kind extends Note["kind"]> = Extract<Note, { readonly kind: Kind }>;

export interface HintsOptions {
  readonly store: Store;
  readonly logger: Logger;
}

export class Hints implements HintListener {
  readonly #options: HintsOptions;
  readonly #onHead: ((key: LogKey, head: Position) => void)[] = [];
  readonly #onLost: (() => void)[] = [];
  readonly #onNote = new Map<string, (key: LogKey, note: never) => void>();

  /** Becomes the listener of its store: one for each store. */
  constructor(options: HintsOptions) {
    this.#options = options;
    options.store.listen(this);
  }

  whenHead(hear: (key: LogKey, head: Position) => void): void {
    this.#onHead.push(hear);
  }

  whenLost(hear: () => void): void {
    this.#onLost.push(hear);
  }

  /** Who gets the notes of one kind. */
  whenNote<Kind extends Note["kind"]>(kind: Kind, hear: (key: LogKey, note: NoteOf<Kind>) => void): void {
    this.#onNote.set(kind, hear);
  }

  /** Tells the other nodes that follow the channel. Does nothing where there are none. */
  say(key: LogKey, note: Note): void {
    const { store } = this.#options;
    if (store.isShared) store.say(key, JSON.stringify(note));
  }

  onHead(key: LogKey, head: Position): void {
    for (const hear of this.#onHead) hear(key, head);
  }

  onNote(key: LogKey, text: string): void {
    const note = parseNote(text);
    // A node of another version may say what is not known here.
    const hear = note === undefined ? undefined : this.#onNote.get(note.kind);
    if (note === undefined || hear === undefined) {
      this.#options.logger.debug({ channel: key.channel }, "A note of another node was not understood");
      return;
    }
    hear(key, note as never);
  }

  onHintsLost(): void {
    for (const hear of this.#onLost) hear();
  }
}

function parseNote(text: string): Note | undefined {
  try {
    const note = JSON.parse(text) as Partial<Note> | null;
    return typeof note?.kind === "string" ? (note as Note) : undefined;
  } catch {
    return undefined;
  }
}
