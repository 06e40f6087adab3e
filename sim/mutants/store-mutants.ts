/** Servers with a fault in how they use their store, made from outside. */
import { RESERVED_PREFIX } from "@tachikoma/protocol";
import type { AppendRequest, AppendResult, Store } from "../../packages/server/src/stores/store.ts";
import { SESSION_TTL_MS } from "../node/server-options.ts";
import type { Mutant } from "./mutant.ts";

type Override = (store: Store) => Partial<Store>;

const SHARED = { nodeCount: 2, isStoreShared: true };

function around(override: Override): Mutant["variant"] {
  return { wrapStore: (store) => Object.assign(Object.create(store) as Store, override(store)) };
}

/** Where the append would go if nobody else appended meanwhile; the append itself is left to itself. */
async function answeredEarly(store: Store, request: AppendRequest): Promise<AppendResult> {
  const { head } = await store.openLog(request.key, request.nowMs);
  store.append(request).catch(() => {});
  const { epoch, seq } = head;
  const place = { firstSeq: seq + 1, lastSeq: seq + request.records.length };
  return { epoch, ...place, tag: "early", timeMs: request.nowMs, isDuplicate: false };
}

function isEnd({ records }: AppendRequest): boolean {
  return /^execution_(completed|failed|cancelled|interrupted)$/.test(records.at(-1)!.type);
}

export const STORE_MUTANTS: Readonly<Record<string, Mutant>> = {
  "answers a publish before it is stored": {
    variant: around((store) => ({
      append: (request) =>
        request.records[0]?.type === "message" && request.key.tenant !== "~"
          ? answeredEarly(store, request)
          : store.append(request),
    })),
  },
  "delivers what an execution says before it is stored": {
    variant: around((store) => ({
      append: (request) =>
        request.records[0]?.type === "chunk" ? answeredEarly(store, request) : store.append(request),
    })),
  },
  "skips a record of a page now and then": {
    variant: around((store) => {
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
  },
  "reads on as if nothing had been trimmed": {
    variant: around((store) => ({
      async read(request) {
        const found = await store.read(request);
        if (found?.records[0] === undefined || found.records[0].seq === request.afterSeq + 1) return found;
        const shift = found.records[0].seq - request.afterSeq - 1;
        return { ...found, records: found.records.map((record) => ({ ...record, seq: record.seq - shift })) };
      },
    })),
  },
  "forgets to save sessions": {
    variant: around((store) => {
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
  },
  "forgets a session that was idle": {
    variant: around((store) => {
      let nowMs = 0;
      const isIdle = (expiresAtMs: number) => expiresAtMs - SESSION_TTL_MS < nowMs - 5_000;
      return {
        append(request) {
          nowMs = request.nowMs;
          return store.append(request);
        },
        async loadSession(tenant, id) {
          const session = await store.loadSession(tenant, id);
          return session === undefined || isIdle(session.expiresAtMs) ? undefined : session;
        },
      };
    }),
    plan: { maxSkewMs: 0 },
  },
  "does not recognise a command that comes again": {
    variant: around((store) => ({
      append: ({ idempotencyKey: _, ...request }: AppendRequest) => store.append(request),
    })),
  },
  "never ends what a dead process left running": {
    variant: around(() => ({ expiredLeases: async () => [] })),
  },
  "loses the end of an execution": {
    variant: around((store) => {
      let count = 0;
      return {
        async append(request) {
          if (!isEnd(request)) return store.append(request);
          count += 1;
          if (count % 5 !== 0) return store.append(request);
          const { head } = await store.openLog(request.key, request.nowMs);
          const { epoch, seq, tag } = head;
          return { epoch, firstSeq: seq, lastSeq: seq, tag, timeMs: request.nowMs, isDuplicate: true };
        },
      };
    }),
  },
  "writes on after its lease was taken": {
    variant: around((store) => ({
      async append(request) {
        const { fence } = request;
        if (fence === undefined) return store.append(request);
        try {
          return await store.append(request);
        } catch (cause) {
          const lease = await store.findLease(fence.lease);
          if ((cause as { code?: unknown }).code !== "FENCED" || lease === undefined) throw cause;
          const stolen = { ...request, fence: { lease: fence.lease, token: lease.token } };
          return store.append(stolen);
        }
      },
      // Nor does it ask whether it still has it.
      renewLease: async (name, ...rest) => {
        const isRenewed = await store.renewLease(name, ...rest);
        return isRenewed || name.startsWith("execution:");
      },
    })),
    plan: { ...SHARED, faultShare: 0.3, eventCount: 150 },
  },
  "goes by hints alone": {
    variant: around(() => ({ logStates: () => new Promise(() => {}) })),
    plan: { ...SHARED, areHintsFaulty: true },
  },
  "keeps from other nodes what was asked of their executions": {
    variant: around((store) => ({
      async append(request) {
        const isCommand =
          request.key.tenant === RESERVED_PREFIX && request.records[0]!.body.includes('"kind":"command"');
        if (!isCommand) return store.append(request);
        const place = { epoch: "lost", firstSeq: 1, lastSeq: 1, tag: "lost" };
        return { ...place, timeMs: request.nowMs, isDuplicate: false };
      },
    })),
    plan: { ...SHARED, isCancelTried: true },
  },
  "does not count the connections of other nodes": {
    variant: around((store) => ({
      enroll: ({ maxEntries: _, ...request }) => store.enroll(request),
    })),
    plan: { ...SHARED, nodeCount: 3, hasCrowd: true },
  },
};
