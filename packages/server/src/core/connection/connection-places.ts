/**
 * How many connections a client may have, on all nodes together. Each session has one place in the roster of its client, so a
 * session that is resumed, here or on another node, goes on in the place that it has.
 */
import { TachikomaError } from "@tachikoma/protocol";
import type { LogKey } from "../../stores/store.ts";
import type { Hints } from "../cluster/hints.ts";
import type { VouchedEntries } from "../cluster/vouched-entries.ts";
import { sessionIdOf, sessionInbox } from "../session/inbox.ts";

export interface PlaceRequest {
  readonly tenant: string;
  readonly clientId: string;
  readonly sessionId: string;
  /** True when somebody else may hold the session. */
  readonly isResumed: boolean;
  /** True when the new connection will close one of this node: both are there for a moment. */
  readonly isReplacing: boolean;
}

/** A place that was taken before the handshake, so that racing upgrades cannot share the last one. */
export interface Reservation {
  /** The session is this connection's now: who had it before needs its place no longer. */
  takeOver(): void;
  /** Gives the place back. Does nothing the second time. */
  release(): void;
}

export interface ConnectionPlacesOptions {
  readonly vouched: VouchedEntries;
  readonly hints: Hints;
  readonly maxPerClient: number;
}

/** The reservations of one session on this node, the latest last: it has the place. */
interface SessionPlace {
  readonly clientId: string;
  readonly numbers: number[];
}

export class ConnectionPlaces {
  readonly #options: ConnectionPlacesOptions;
  /** Reservations of this node by client. */
  readonly #takenByClient = new Map<string, number>();
  readonly #bySession = new Map<string, SessionPlace>();
  #count = 0;
  #lastNumber = 0;

  constructor(options: ConnectionPlacesOptions) {
    this.#options = options;
    options.hints.whenNote("place", (key) => this.#onGivenBack(key));
  }

  /** Places taken on this node by all clients, connected or about to be. */
  get count(): number {
    return this.#count;
  }

  /**
   * Takes a place of the client.
   *
   * @throws TOO_MANY_CONNECTIONS, STORE_UNAVAILABLE
   */
  async reserve(request: PlaceRequest): Promise<Reservation> {
    const { vouched, maxPerClient } = this.#options;
    const { tenant, clientId, sessionId, isReplacing } = request;
    const taken = this.#takenByClient.get(mapKey(tenant, clientId)) ?? 0;
    // What this node knows needs no store; and of one session, which has one place, only so many may knock at once.
    if (taken >= maxPerClient + (isReplacing ? 1 : 0)) throw this.#tooMany();
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    this.#note(request, number);
    const reservation = this.#reservation(request, number);
    try {
      const outcome = await vouched.put(
        { tenant, name: clientId },
        sessionId,
        placeValue(number),
        maxPerClient,
      );
      if (outcome === "full") throw this.#tooMany();
      return reservation;
    } catch (cause) {
      reservation.release();
      throw cause;
    }
  }

  #reservation(request: PlaceRequest, number: number): Reservation {
    const { tenant, sessionId } = request;
    let isHeld = true;
    let mayBeMissed = request.isResumed;
    return {
      takeOver: () => {
        mayBeMissed = false;
      },
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#giveBack(request, number).then((isOff) => {
          // On another node the session may still have the connection whose place this one took.
          if (isOff && mayBeMissed)
            this.#options.hints.say({ tenant, channel: sessionInbox(sessionId) }, { kind: "place" });
        });
      },
    };
  }

  #note({ tenant, clientId, sessionId }: PlaceRequest, number: number): void {
    const clientKey = mapKey(tenant, clientId);
    this.#takenByClient.set(clientKey, (this.#takenByClient.get(clientKey) ?? 0) + 1);
    this.#count += 1;
    const key = mapKey(tenant, sessionId);
    const place = this.#bySession.get(key);
    if (place === undefined) this.#bySession.set(key, { clientId, numbers: [number] });
    else place.numbers.push(number);
  }

  /** True once the place in the roster is free; false while this or another connection of the session has it. */
  async #giveBack({ tenant, clientId, sessionId }: PlaceRequest, number: number): Promise<boolean> {
    const clientKey = mapKey(tenant, clientId);
    const left = (this.#takenByClient.get(clientKey) ?? 1) - 1;
    if (left === 0) this.#takenByClient.delete(clientKey);
    else this.#takenByClient.set(clientKey, left);
    this.#count -= 1;
    const key = mapKey(tenant, sessionId);
    const numbers = this.#bySession.get(key)?.numbers ?? [];
    numbers.splice(numbers.indexOf(number), 1);
    if (numbers.length > 0) {
      this.#restore(tenant, sessionId);
      return false;
    }
    this.#bySession.delete(key);
    return this.#options.vouched.drop({ tenant, name: clientId }, sessionId);
  }

  /** The place belongs to the latest connection that is still there. */
  #restore(tenant: string, sessionId: string): void {
    const place = this.#bySession.get(mapKey(tenant, sessionId));
    const number = place?.numbers.at(-1);
    if (place === undefined || number === undefined) return;
    // A failure is tried again by itself.
    this.#options.vouched
      .put({ tenant, name: place.clientId }, sessionId, placeValue(number))
      .catch(() => undefined);
  }

  /** Another node took the place of a session for a connection that did not come about. */
  #onGivenBack({ tenant, channel }: LogKey): void {
    const sessionId = sessionIdOf(channel);
    const place = sessionId === undefined ? undefined : this.#bySession.get(mapKey(tenant, sessionId));
    if (sessionId === undefined || place === undefined) return;
    this.#restore(tenant, sessionId);
    this.#options.vouched.doubt({ tenant, name: place.clientId });
  }

  #tooMany(): TachikomaError {
    const { maxPerClient } = this.#options;
    return new TachikomaError("TOO_MANY_CONNECTIONS", `Maximum ${maxPerClient} connections per client`);
  }
}

/** Another with each reservation: giving a place back, however late, does not touch a later one. */
function placeValue(number: number): string {
  return JSON.stringify(number);
}

function mapKey(tenant: string, name: string): string {
  return `${tenant}\u0000${name}`;
}
