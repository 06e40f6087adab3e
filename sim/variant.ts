/** Where a fault is put into a world from outside: around what a node or a client is given. */
import type { Random, Transport } from "../packages/server/src/core/ports.ts";
import type { SessionServerOptions } from "../packages/server/src/core/session-server.ts";
import type { Store } from "../packages/server/src/stores/store.ts";
import type { StoreState } from "./store/store-state.ts";

export interface ServerVariant {
  /** Called for each life of a node. */
  wrapStore?(store: Store): Store;
  wrapOptions?(options: SessionServerOptions): SessionServerOptions;
  /** Called for each connection. */
  wrapTransport?(transport: Transport): Transport;
  /** Changes what a server understands of what a client has sent. */
  readInbound?(
    text: string,
    link: { readonly clientName: string; readonly id: string },
    state: StoreState,
  ): string;
}

export interface ClientVariant {
  wrapRandom?(random: Random): Random;
  /** Called for each client: what it takes of what arrives; `undefined` for nothing. */
  makeFilter?(): (text: string) => string | undefined;
}

export interface Variant extends ServerVariant, ClientVariant {}
