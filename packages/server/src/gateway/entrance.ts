/**
 * The way in, the same for every transport: origin, load, credential, a turn in the lane, and the place that the core keeps. Whatever
 * can refuse a connection does so here, before it has one.
 */
import type { IncomingMessage } from "node:http";
import { TachikomaError } from "@tachikoma/protocol";
import type { Credential } from "../core/credential.ts";
import type { Clock } from "../core/ports.ts";
import type { SessionServer } from "../core/session-server.ts";
import type { AdmissionGate } from "./admission-gate.ts";
import type { DoorKeeper } from "./door.ts";
import { HandshakeLane } from "./handshake-lane.ts";
import { originFault } from "./origin.ts";

export interface EntranceOptions {
  readonly allowedOrigins: readonly string[];
  readonly door: DoorKeeper;
  readonly admission: AdmissionGate;
  readonly clock: Clock;
  /** The core, when it is open. */
  readonly core: () => Promise<SessionServer>;
  /** What a request must satisfy besides; says what is wrong. */
  readonly requestFault: (request: IncomingMessage) => string | undefined;
}

/** Somebody at the door. */
export interface Knock {
  readonly request: IncomingMessage;
  readonly url: URL;
  /** True when nobody waits for the answer any more. */
  readonly isOver: () => boolean;
}

/** Somebody who has come through the door and has no place yet. */
export interface Guest {
  readonly core: SessionServer;
  readonly credential: Credential;
  readonly url: URL;
  /** Counts up in the order in which connections knocked. */
  readonly order: number;
}

/** A place that was taken. It is used, or given back. */
export interface Place {
  /** What was there before goes on; what the request said of itself may not be true. */
  readonly isResumed: boolean;
  release(): void;
}

export interface Entry<P extends Place> {
  readonly core: SessionServer;
  readonly place: P;
  /** Lets the next one have its turn. To be called when the connection has been welcomed, or never will be. */
  readonly leaveLane: () => void;
  /** Gives everything back: there will be no connection. */
  readonly abandon: () => void;
}

export class Entrance {
  readonly #options: EntranceOptions;
  readonly #lane: HandshakeLane;
  #knockCount = 0;

  constructor(options: EntranceOptions) {
    this.#options = options;
    this.#lane = new HandshakeLane(options);
  }

  /**
   * Asks for what any request needs, without taking a place.
   *
   * @throws FORBIDDEN, SERVER_OVERLOADED, TOKEN_REQUIRED, UNAUTHORIZED, TOKEN_EXPIRED
   */
  async check({ request, url }: Knock) {
    const { allowedOrigins, requestFault, admission, door } = this.#options;
    const fault = originFault(request, allowedOrigins) ?? requestFault(request);
    if (fault !== undefined) throw new TachikomaError("FORBIDDEN", fault);
    admission.check(isResumeOf(url));
    return door.admit(request, url);
  }

  /**
   * Takes a place for a connection; `undefined` when nobody waits for it any more.
   *
   * @param admit takes the place
   * @throws what `check` and `admit` throw
   */
  async enter<P extends Place>(
    knock: Knock,
    admit: (guest: Guest) => Promise<P>,
  ): Promise<Entry<P> | undefined> {
    // Counted before anything is waited for: of two connections of one session, the one that knocked last wins.
    this.#knockCount += 1;
    const order = this.#knockCount;
    const { url } = knock;
    const credential = await this.check(knock);
    const core = await this.#options.core();
    const isResuming = isResumeOf(url);
    const leaveLane = await this.#lane.enter(isResuming);
    try {
      if (knock.isOver()) {
        leaveLane();
        return undefined;
      }
      const place = await admit({ core, credential, url, order });
      const abandon = () => {
        place.release();
        leaveLane();
      };
      if (isResuming && !place.isResumed) this.#checkClaim(abandon);
      if (!knock.isOver()) return { core, place, leaveLane, abandon };
      abandon();
      return undefined;
    } catch (cause) {
      leaveLane();
      throw cause;
    }
  }

  /** Anyone can name a session: only one that goes on is let in before others. */
  #checkClaim(abandon: () => void): void {
    try {
      this.#options.admission.check(false);
    } catch (cause) {
      abandon();
      throw cause;
    }
  }
}

/** What the request says of itself. */
export function isResumeOf(url: URL | undefined): boolean {
  return (url?.searchParams.get("session_id") ?? "") !== "";
}
