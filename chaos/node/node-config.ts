import type { ServerOptions } from "@tachikoma/server";

/** Settings of the server that a fault class may choose. */
export type NodeSettings = Pick<
  ServerOptions,
  "server" | "websocket" | "limits" | "sessions" | "channels" | "cluster"
>;

/** What a node is told when it starts, as JSON in its first argument. */
export interface NodeConfig {
  readonly databaseUrl: string;
  /** Durability and what else the section of the database takes. */
  readonly database?: object;
  /** Where it writes what its handlers did; see `journal.ts`. */
  readonly journalPath: string;
  /** Names this process in the history and in what its handlers say: `node-1.2` is the second life of the first node. */
  readonly life: string;
  readonly settings: NodeSettings;
  /** A fault from `sim/server-mutants.ts`, to see that it is found. */
  readonly mutant?: string;
  /** What becomes of an execution whose owner is lost. @default "interrupt" */
  readonly onOwnerLost?: "interrupt" | "restart";
  /** Clients have to show a token; see `tokenFor`. */
  readonly areTokensNeeded?: boolean;
}

/** What a node is told while it runs, one JSON object per line on its stdin. */
export type NodeOrder =
  /** Keeps the event loop busy. */
  | { readonly kind: "stall"; readonly ms: number }
  /** Sets the wall clock off; the monotonic one goes on. */
  | { readonly kind: "clock"; readonly offsetMs: number }
  /** OpenAI-compatible endpoint behind the handler `upstream`. */
  | { readonly kind: "upstream"; readonly url: string }
  /** Takes all the room that is left beside its database, or gives it back. */
  | { readonly kind: "disk"; readonly isFull: boolean }
  /** Collects garbage and writes a `mem` record of that moment. */
  | { readonly kind: "settle-memory"; readonly moment: "baseline" | "settled" }
  /** From now on the client may not read the channel, or may again. */
  | {
      readonly kind: "permission";
      readonly clientId: string;
      readonly channel: string;
      readonly isAllowed: boolean;
    };

export type NumberedOrder = NodeOrder & { readonly number: number };
