/**
 * The `id:` of the events of one connection: where its reader stands in the channels that the request named. With one channel that is
 * the position, with several it is all of them, so that the last id alone brings every channel back.
 *
 *   k3.18.aB                           one channel
 *   1kr2a05=k3.18.aB,l0y3wm=f9.4.x    several; each name as a short hash, whatever the order in which it is asked for
 *
 * Events of other channels, such as the inboxes, have no id: they leave the last one as it is.
 */
import { TachikomaError } from "@tachikoma/protocol";

/** Id of the last event of a stream that is over for good. Who comes back with it is told to stop. */
export const END_ID = "end";

const ENTRY = /^([0-9a-z]{1,7})=([\w.-]+)$/;
const ID_FIELD = Buffer.from("id: ");
const EVENT_END = Buffer.from("\n\n");
const LINE_FEED = 0x0a;

export class EventIds {
  /** By the JSON text of the channel. */
  readonly #keys = new Map<string, string>();
  readonly #positions = new Map<string, string>();

  /** @param known what the client has of each channel, where it said so */
  constructor(known: readonly { readonly channel: string; readonly position?: string | undefined }[]) {
    for (const { channel, position } of known) {
      const key = keyOf(channel);
      this.#keys.set(JSON.stringify(channel), key);
      if (position !== undefined) this.#positions.set(key, position);
    }
  }

  /** Puts the ids of this connection in the place of those of the framing. Whole events only. */
  rewrite(bytes: Uint8Array): Uint8Array {
    const events = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const parts: Uint8Array[] = [];
    let keptFrom = 0;
    for (let start = 0; start < events.length; start = endOfEvent(events, start)) {
      if (!hasIdField(events, start)) continue;
      const lineEnd = events.indexOf(LINE_FEED, start);
      parts.push(events.subarray(keptFrom, start));
      const id = this.#idAfter(events.toString("utf8", start + ID_FIELD.length, lineEnd));
      if (id !== undefined) parts.push(Buffer.from(`id: ${id}\n`));
      keptFrom = lineEnd + 1;
    }
    if (keptFrom === 0) return bytes;
    parts.push(events.subarray(keptFrom));
    return Buffer.concat(parts);
  }

  #idAfter(line: string): string | undefined {
    const nameStart = line.indexOf(" ") + 1;
    const key = this.#keys.get(line.slice(nameStart));
    if (key === undefined) return undefined;
    const position = line.slice(0, nameStart - 1);
    if (this.#keys.size === 1) return position;
    this.#positions.set(key, position);
    return [...this.#positions].map(([name, at]) => `${name}=${at}`).join(",");
  }
}

/**
 * What an id says of each of these channels; `undefined` for one that it does not speak of.
 *
 * @throws INVALID_POSITION for a text that is no id of several channels
 */
export function positionsIn(id: string, channels: readonly string[]): (string | undefined)[] {
  if (channels.length === 1) return [id];
  const positions = new Map<string, string>();
  for (const entry of id.split(",")) {
    const [, key, position] = ENTRY.exec(entry) ?? [];
    if (key === undefined || position === undefined) {
      throw new TachikomaError(
        "INVALID_POSITION",
        "The id is not one of an event stream of several channels",
      );
    }
    positions.set(key, position);
  }
  return channels.map((channel) => positions.get(keyOf(channel)));
}

/** FNV-1a. Two names with one hash would be told apart by their epochs: a reset, and nothing worse. */
function keyOf(channel: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < channel.length; index += 1) {
    hash = Math.imul(hash ^ channel.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0).toString(36);
}

function hasIdField(events: Buffer, start: number): boolean {
  return events.subarray(start, start + ID_FIELD.length).equals(ID_FIELD);
}

function endOfEvent(events: Buffer, start: number): number {
  const end = events.indexOf(EVENT_END, start);
  return end === -1 ? events.length : end + EVENT_END.length;
}
