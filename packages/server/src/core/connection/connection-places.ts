/**
 * How many connections a client may have, on all nodes together. Each session has one place in the roster of its client, so a
 * session that is resumed, here or on another node, goes on in the place that it has.
 */
import { TachikomaError } from "@tachikoma/protocol";
import type { EntryJudgement, VouchedEntries } from "../cluster/vouched-entries.ts";

export interface PlaceRequest {
  readonly tenant: string;
  readonly clientId: string;
  readonly sessionId: string;
  /** Number under which the connection will hold the session, unless others take it in between. */
  readonly claimNumber: number;
  /** True when the new connection will close one of this node: both are there for a moment. */
  readonly isReplacing: boolean;
}

/** A place that was taken before the handshake, so that racing upgrades cannot share the last one. */
export interface Reservation {
  /** Gives the place back. Does nothing the second time. */
  release(): void;
}

export class ConnectionPlaces {
  readonly #vouched: VouchedEntries;
  readonly #maxPerClient: number;
  /** Reservations of this node by client, and by session. */
  readonly #ofClient = new Map<string, number>();
  readonly #ofSession = new Map<string, number>();
  #count = 0;
  #lastNumber = 0;

  constructor(vouched: VouchedEntries, maxPerClient: number) {
    this.#vouched = vouched;
    this.#maxPerClient = maxPerClient;
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
    const { tenant, clientId, sessionId, claimNumber, isReplacing } = request;
    const takenHere = this.#ofClient.get(mapKey(tenant, clientId)) ?? 0;
    // What this node knows needs no store. It also bounds how many may knock for one session, which has one place.
    if (takenHere >= this.#maxPerClient + (isReplacing ? 1 : 0)) throw this.#tooMany();
    const reservation = this.#takeHere(request);
    this.#lastNumber += 1;
    const value = placeValue(claimNumber, this.#lastNumber);
    try {
      const outcome = await this.#vouched.put(
        { tenant, name: clientId },
        sessionId,
        value,
        this.#maxPerClient,
      );
      if (outcome === "full") throw this.#tooMany();
    } catch (cause) {
      reservation.release();
      throw cause;
    }
    return reservation;
  }

  #takeHere({ tenant, clientId, sessionId }: PlaceRequest): Reservation {
    const clientKey = mapKey(tenant, clientId);
    const sessionKey = mapKey(tenant, sessionId);
    this.#count += 1;
    increase(this.#ofClient, clientKey);
    increase(this.#ofSession, sessionKey);
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#count -= 1;
        decrease(this.#ofClient, clientKey);
        decrease(this.#ofSession, sessionKey);
        // While another connection of the session is here, or about to be, the place is that one's.
        if (!this.#ofSession.has(sessionKey)) this.#vouched.drop({ tenant, name: clientId }, sessionId);
      },
    };
  }

  #tooMany(): TachikomaError {
    return new TachikomaError("TOO_MANY_CONNECTIONS", `Maximum ${this.#maxPerClient} connections per client`);
  }
}

/** Another with each reservation: what is asked of the store for one, however late, does not touch a later one. */
function placeValue(claimNumber: number, number: number): string {
  return JSON.stringify([claimNumber, number]);
}

/**
 * Whose the place of a session is. The connection on the other node may not come about, so its entry is let stand and ours is kept
 * in mind.
 */
export function judgePlace(theirs: string, ours: string): EntryJudgement {
  return claimNumberOf(theirs) > claimNumberOf(ours) ? "theirs" : "ours";
}

function claimNumberOf(value: string): number {
  const [claimNumber] = JSON.parse(value) as [number, number];
  return claimNumber;
}

function mapKey(tenant: string, name: string): string {
  return `${tenant}\u0000${name}`;
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function decrease(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left === 0) counts.delete(key);
  else counts.set(key, left);
}
