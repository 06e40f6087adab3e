import { claimed, writeOutcome } from "../../packages/server/src/stores/session-holder.ts";
import type {
  ClaimedSession,
  ReceiptKey,
  StoredReceipt,
  StoredSession,
} from "../../packages/server/src/stores/store.ts";
import type { StoreSim } from "./store-sim.ts";
import { firstNumberOf, receiptId, sessionId } from "./store-state.ts";

/** Sessions and receipts. Times are those of the store. */
export class SessionCalls {
  readonly #store: StoreSim;

  constructor(store: StoreSim) {
    this.#store = store;
  }

  load(tenant: string, id: string): StoredSession | undefined {
    return this.#store.state.sessions.get(sessionId(tenant, id));
  }

  claim(tenant: string, id: string, nodeId: string): ClaimedSession | undefined {
    const stored = this.load(tenant, id);
    if (stored === undefined) return undefined;
    const { state } = this.#store;
    // Beyond the takings that a failover may have lost.
    const holder = Math.max(stored.holder, firstNumberOf(state.generation));
    const session = claimed({ ...stored, holder }, nodeId);
    state.sessions.set(sessionId(tenant, id), session);
    return { session, previousHolder: stored.holder, previousNodeId: stored.nodeId };
  }

  save(session: StoredSession): boolean {
    const { sessions } = this.#store.state;
    const id = sessionId(session.tenant, session.sessionId);
    const outcome = writeOutcome(session, sessions.get(id));
    // A copy, so that what the caller does with its object afterwards is not saved by accident.
    if (outcome === "newer") sessions.set(id, { ...session, positions: { ...session.positions } });
    return outcome !== "taken";
  }

  delete(tenant: string, id: string): void {
    this.#store.state.sessions.delete(sessionId(tenant, id));
  }

  claimReceipt(key: ReceiptKey, receipt: StoredReceipt, expiresAtMs: number): StoredReceipt {
    const { receipts } = this.#store.state;
    const stored = receipts.get(receiptId(key));
    if (stored !== undefined) return stored.value;
    receipts.set(receiptId(key), { value: { ...receipt }, expiresAtMs });
    return receipt;
  }

  updateReceipt(key: ReceiptKey, receipt: StoredReceipt): void {
    const { receipts } = this.#store.state;
    const stored = receipts.get(receiptId(key));
    if (stored !== undefined) receipts.set(receiptId(key), { ...stored, value: { ...receipt } });
  }
}
