/**
 * Who is present in one channel, for the readers that this node has there.
 *
 * The roster in the store is the truth, and its version counts its changes. A change that follows on what is known here is taken
 * in as it is; where one is missing the roster is read again. Readers are told the difference, whichever way it came.
 */
import { encodeMessage, type PresenceMember } from "@tachikoma/protocol";
import type { LogKey, RosterState } from "../../stores/store.ts";
import type { RosterChange } from "../cluster/hints.ts";
import type { Subscriber } from "../delivery/subscriber.ts";
import { parseEntry } from "./presence-entry.ts";
import { type PresenceEvent, PresenceRoll } from "./presence-roll.ts";

/** Changes that are kept while the roster is being read; beyond it, it is read once more. */
const MAX_HELD_CHANGES = 256;

export interface PresenceRoomOptions {
  readonly key: LogKey;
  readonly read: () => Promise<RosterState>;
  /** Who follows the channel on this node. */
  readonly readers: () => Iterable<Subscriber>;
}

export class PresenceRoom {
  readonly key: LogKey;
  readonly #options: PresenceRoomOptions;
  #roll = new PresenceRoll();
  #version = 0;
  #isLoaded = false;
  /** Something is known to be missing here. */
  #isStale = false;
  #reading: Promise<void> | undefined;
  /** Changes that could not be taken in yet, while the roster is read. */
  #held: RosterChange[] = [];
  #changeCount = 0;
  /** Readers that have been given the list, and get what changes. */
  readonly #told = new WeakSet<Subscriber>();
  readonly #waiting = new Set<Subscriber>();

  constructor(options: PresenceRoomOptions) {
    this.key = options.key;
    this.#options = options;
  }

  /** False when the roster has to be read again. */
  get isCurrent(): boolean {
    return this.#isLoaded && !this.#isStale;
  }

  /** `undefined` until the roster has been read. */
  members(): PresenceMember[] | undefined {
    return this.#isLoaded ? this.#roll.members() : undefined;
  }

  /** When the client last set something, as far as is known here. */
  lastSetAtMs(clientId: string): number | undefined {
    return this.#roll.shown(clientId)?.setAtMs;
  }

  /** Gives a new reader the list, now or as soon as it is known, and then what changes. @throws STORE_UNAVAILABLE */
  async show(reader: Subscriber): Promise<void> {
    if (this.#isLoaded) return this.#tellList([reader]);
    this.#waiting.add(reader);
    await (this.#reading ?? this.refresh());
  }

  /** A reader does not follow the channel any more. */
  hide(reader: Subscriber): void {
    this.#told.delete(reader);
    this.#waiting.delete(reader);
  }

  /** Takes in a change that the store has taken, here or on another node. @throws STORE_UNAVAILABLE */
  async take(change: RosterChange): Promise<void> {
    if (!this.#isLoaded && this.#reading === undefined) return;
    this.#held.push(change);
    if (this.#isLoaded) this.#takeHeld();
    if (this.#held.length > MAX_HELD_CHANGES) {
      this.#held = [];
      this.#isStale = true;
    }
    if (this.#isStale) await this.#readAgain();
  }

  /** Something may be missing here: it is read again with the next check. */
  doubt(): void {
    this.#isStale = true;
  }

  /** Reads the roster, and once more where changes came meanwhile that do not follow on it. @throws STORE_UNAVAILABLE */
  async refresh(): Promise<void> {
    this.#isStale = true;
    await this.#readAgain();
  }

  #readAgain(): Promise<void> {
    this.#reading ??= this.#readUntilCurrent();
    return this.#reading;
  }

  async #readUntilCurrent(): Promise<void> {
    try {
      while (this.#isStale) {
        // What was heard before is part of what is read now.
        this.#held = [];
        this.#isStale = false;
        const countBefore = this.#changeCount;
        const state = await this.#options.read();
        // It was read before something that has been taken in since.
        if (state.version < this.#version && this.#changeCount !== countBefore) this.#isStale = true;
        else this.#takeList(state);
      }
    } catch (cause) {
      this.#isStale = true;
      throw cause;
    } finally {
      this.#reading = undefined;
    }
  }

  #takeList({ version, entries }: RosterState): void {
    const parsed = entries.map(({ id, value }) => [id, parseEntry(value)] as const);
    const later = PresenceRoll.of(
      parsed.flatMap(([id, entry]) => (entry === undefined ? [] : [[id, entry]])),
    );
    const events = this.#isLoaded ? this.#roll.eventsTo(later) : [];
    this.#roll = later;
    this.#version = version;
    this.#isLoaded = true;
    for (const event of events) this.#tell(event);
    const following = new Set(this.#options.readers());
    this.#tellList([...this.#waiting].filter((reader) => following.has(reader)));
    this.#waiting.clear();
    this.#takeHeld();
  }

  #takeHeld(): void {
    this.#held.sort((a, b) => a.version - b.version);
    for (let next = this.#held[0]; next !== undefined; next = this.#held[0]) {
      if (next.version > this.#version + 1) {
        this.#isStale = true;
        return;
      }
      this.#held.shift();
      if (next.version === this.#version + 1) this.#takeNext(next);
    }
  }

  #takeNext({ version, id, value }: RosterChange): void {
    this.#version = version;
    this.#changeCount += 1;
    const event = this.#roll.change(id, value === undefined ? undefined : parseEntry(value));
    if (event !== undefined) this.#tell(event);
  }

  #tell({ event, members }: PresenceEvent): void {
    const text = encodeMessage({ type: "presence", channel: this.key.channel, event, members: [...members] });
    for (const reader of this.#options.readers())
      if (this.#told.has(reader)) reader.onPresence(this.key, text);
  }

  #tellList(readers: readonly Subscriber[]): void {
    if (readers.length === 0) return;
    const members = this.#roll.members();
    const text = encodeMessage({ type: "presence", channel: this.key.channel, event: "members", members });
    for (const reader of readers) {
      this.#told.add(reader);
      reader.onPresence(this.key, text);
    }
  }
}
