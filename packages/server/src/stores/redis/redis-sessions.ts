import type { ClaimedSession, ReceiptKey, StoredReceipt, StoredSession } from "../store.ts";
import type { RedisLink } from "./redis-link.ts";
import type { RedisNames } from "./redis-names.ts";
import {
  CLAIM_RECEIPT,
  CLAIM_SESSION,
  DELETE_SESSION,
  LOAD_SESSION,
  SAVE_SESSION,
  UPDATE_RECEIPT,
} from "./scripts/session-scripts.ts";
import type { StoreTime } from "./store-time.ts";

export interface RedisSessionsOptions {
  readonly link: RedisLink;
  readonly names: RedisNames;
  readonly time: StoreTime;
}

/** What is stored as one text. The rest stands beside it. */
type SessionBody = Pick<StoredSession, "subject" | "clientId" | "createdAtMs" | "positions">;
type SessionReply = readonly [
  body: string,
  holder: string,
  node: string,
  revision: string,
  remainingMs: string,
];

export class RedisSessions {
  readonly #options: RedisSessionsOptions;

  constructor(options: RedisSessionsOptions) {
    this.#options = options;
  }

  async load(tenant: string, sessionId: string): Promise<StoredSession | undefined> {
    const { link, names, time } = this.#options;
    const { moment, hereMs } = time.reference();
    const reply = await link.run(LOAD_SESSION, [names.session(tenant, sessionId)], [moment]);
    return reply === null ? undefined : sessionOf({ tenant, sessionId }, reply as SessionReply, hereMs);
  }

  async claim(tenant: string, sessionId: string, nodeId: string): Promise<ClaimedSession | undefined> {
    const { link, names, time } = this.#options;
    const { moment, hereMs } = time.reference();
    const reply = await link.run(CLAIM_SESSION, [names.session(tenant, sessionId)], [moment, nodeId]);
    if (reply === null) return undefined;
    const [stored, previousHolder, previousNodeId] = reply as readonly [SessionReply, string, string];
    const session = sessionOf({ tenant, sessionId }, stored, hereMs);
    return { session, previousHolder: Number(previousHolder), previousNodeId };
  }

  async save(session: StoredSession): Promise<boolean> {
    const { link, names, time } = this.#options;
    const { tenant, sessionId, subject, clientId, createdAtMs, expiresAtMs, positions } = session;
    const body = JSON.stringify({ subject, clientId, createdAtMs, positions } satisfies SessionBody);
    const { holder, revision, nodeId } = session;
    const args = [time.expiry(expiresAtMs), String(holder), String(revision), nodeId, body];
    return (await link.run(SAVE_SESSION, [names.session(tenant, sessionId)], args, body.length)) === 1;
  }

  async delete(tenant: string, sessionId: string): Promise<void> {
    const { link, names } = this.#options;
    await link.run(DELETE_SESSION, [names.session(tenant, sessionId)], []);
  }

  async claimReceipt(key: ReceiptKey, receipt: StoredReceipt, expiresAtMs: number): Promise<StoredReceipt> {
    const { link, names, time } = this.#options;
    const args = [time.expiry(expiresAtMs), JSON.stringify(receipt)];
    return JSON.parse((await link.run(CLAIM_RECEIPT, [names.receipt(key)], args)) as string);
  }

  async updateReceipt(key: ReceiptKey, receipt: StoredReceipt): Promise<void> {
    const { link, names } = this.#options;
    await link.run(UPDATE_RECEIPT, [names.receipt(key)], [JSON.stringify(receipt)]);
  }
}

function sessionOf(
  name: Pick<StoredSession, "tenant" | "sessionId">,
  [body, holder, nodeId, revision, remainingMs]: SessionReply,
  hereMs: number,
): StoredSession {
  return {
    ...name,
    ...(JSON.parse(body) as SessionBody),
    expiresAtMs: hereMs + Number(remainingMs),
    holder: Number(holder),
    nodeId,
    revision: Number(revision),
  };
}
