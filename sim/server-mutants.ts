/**
 * Servers with a fault each, made from outside: around the store or around what a server is given. The simulation has to find
 * every one of them, or it proves nothing about the server without them.
 */

import type { AppendRequest, Store } from "../packages/server/src/stores/store.ts";
import type { ServerVariant } from "./node/sim-node.ts";

type Override = (store: Store) => Partial<Store>;

function around(override: Override): ServerVariant {
  return {
    wrapStore: (store) => Object.assign(Object.create(store) as Store, override(store)),
  };
}

export const SERVER_MUTANTS: Readonly<Record<string, ServerVariant>> = {
  "answers a publish before it is stored": around((store) => ({
    async append(request) {
      if (request.records[0]?.type !== "message") return store.append(request);
      const state = await store.openLog(request.key, request.nowMs);
      const lastSeq = state.head.seq + 1;
      store.append(request).catch(() => {});
      const { epoch } = state.head;
      return { epoch, firstSeq: lastSeq, lastSeq, tag: "early", timeMs: request.nowMs, isDuplicate: false };
    },
  })),
  "skips a record of a page now and then": around((store) => {
    let count = 0;
    return {
      async read(request) {
        const found = await store.read(request);
        if (found === undefined || found.records.length < 3) return found;
        count += 1;
        if (count % 5 !== 0) return found;
        return { ...found, records: found.records.filter((_, index) => index !== 1) };
      },
    };
  }),
  "forgets to save sessions": around((store) => {
    const saved = new Set<string>();
    return {
      async saveSession(session) {
        // The first time only: what changes afterwards is lost with the process.
        if (saved.has(session.sessionId)) return true;
        saved.add(session.sessionId);
        return store.saveSession(session);
      },
    };
  }),
  "does not recognise a command that comes again": around((store) => ({
    append: ({ idempotencyKey: _, ...request }: AppendRequest) => store.append(request),
  })),
  "never ends what a dead process left running": around(() => ({
    expiredLeases: async () => [],
  })),
  "reads on as if nothing had been trimmed": around((store) => ({
    async read(request) {
      const found = await store.read(request);
      if (found?.records[0] === undefined || found.records[0].seq === request.afterSeq + 1) return found;
      const shift = found.records[0].seq - request.afterSeq - 1;
      return { ...found, records: found.records.map((record) => ({ ...record, seq: record.seq - shift })) };
    },
  })),
};
