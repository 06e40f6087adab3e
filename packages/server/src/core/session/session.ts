import type { ClaimedSession, StoredSession } from "../../stores/store.ts";

/** What a connection of a session can be told by the registry. */
export interface SessionHolder {
  /** Another connection has resumed the session. */
  onReplaced(): void;
}

/**
 * What a client resumes: who it is and which positions it is known to have. It outlives connections and lives in the store; this
 * is the copy of the node that holds its connection.
 */
export class Session {
  readonly id: string;
  readonly tenant: string;
  readonly subject: string;
  readonly clientId: string;
  readonly createdAtMs: number;
  expiresAtMs: number;
  /** Confirmed position by channel, in wire form. The keys are the subscriptions. */
  readonly positions: Map<string, string>;
  holder: SessionHolder | undefined;
  /** Number of the admission that brought the holder: the later one wins, whichever is through first. */
  holderAdmission = 0;
  /** Number under which this node took the session; who takes it later has a greater one. */
  claimNumber: number;
  /** Highest number under which another node is known to have taken it. */
  takenNumber = 0;
  /** Takings for connections of this node whose number is not known yet. */
  claimingCount = 0;
  #revision: number;

  constructor(stored: StoredSession) {
    this.id = stored.sessionId;
    this.tenant = stored.tenant;
    this.subject = stored.subject;
    this.clientId = stored.clientId;
    this.createdAtMs = stored.createdAtMs;
    this.expiresAtMs = stored.expiresAtMs;
    this.positions = new Map(Object.entries(stored.positions));
    this.claimNumber = stored.holder;
    this.#revision = stored.revision;
  }

  /** Whether the holder has lost it to another node. One whose taking is under way may get a number beyond all that are known. */
  get isTaken(): boolean {
    return this.claimingCount === 0 && this.takenNumber > this.claimNumber;
  }

  /** Goes on under another number, with what was stored until then where that is not what is known here. */
  claimed({ session: stored, previousHolder }: ClaimedSession): void {
    const isKnownHere = previousHolder === this.claimNumber;
    if (stored.holder <= this.claimNumber) return;
    this.claimNumber = stored.holder;
    this.#revision = stored.revision;
    if (isKnownHere) return;
    this.positions.clear();
    for (const [channel, position] of Object.entries(stored.positions)) this.positions.set(channel, position);
  }

  /** What to write now; each call is a later revision. */
  toStored(nodeId: string): StoredSession {
    this.#revision += 1;
    return {
      tenant: this.tenant,
      sessionId: this.id,
      subject: this.subject,
      clientId: this.clientId,
      createdAtMs: this.createdAtMs,
      expiresAtMs: this.expiresAtMs,
      positions: Object.fromEntries(this.positions),
      holder: this.claimNumber,
      nodeId: this.holder === undefined ? "" : nodeId,
      revision: this.#revision,
    };
  }
}
