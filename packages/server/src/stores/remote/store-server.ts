/**
 * Gives one store to nodes in other processes. It takes their calls in the order in which they were made, so the store keeps its
 * promises to each of them, and passes hints between them, because the store itself has one owner and nobody to tell.
 */
import { chmod, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { compositeKey } from "../composite-key.ts";
import type { AppendResult, LogKey, Store } from "../store.ts";
import { ServedNode } from "./served-node.ts";

export interface StoreServerOptions {
  readonly store: Store;
  /** Where the socket is made. Whoever may open it has the whole store, so its folder should be its user's alone. */
  readonly path: string;
  /** A node that does not keep to the wire format, or does not read. */
  readonly onNodeDropped?: (reason: string) => void;
}

export class StoreServer {
  readonly #store: Store;
  readonly #nodes = new Set<ServedNode>();
  readonly #followers = new Map<string, Set<ServedNode>>();
  readonly #server: Server;

  private constructor({ store, onNodeDropped }: StoreServerOptions) {
    this.#store = store;
    this.#server = createServer((socket) => this.#welcome(socket, onNodeDropped));
  }

  static async open(options: StoreServerOptions): Promise<StoreServer> {
    const { path } = options;
    const opened = new StoreServer(options);
    // One that died has left it behind.
    if (process.platform !== "win32") await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      opened.#server.once("error", reject);
      opened.#server.listen(path, resolve);
    });
    if (process.platform !== "win32") await chmod(path, 0o600);
    return opened;
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  /** Leaves all nodes alone. The store stays open; it is its owner's. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const node of this.#nodes) node.close();
    await closed;
  }

  #welcome(socket: Socket, onNodeDropped: StoreServerOptions["onNodeDropped"]): void {
    const node = new ServedNode(socket, {
      store: this.#store,
      follow: (key) => this.#follow(node, key),
      unfollow: (key) => this.#unfollow(node, compositeKey(key.tenant, key.channel)),
      appended: (key, result) => this.#tellHead(node, key, result),
      say: (key, note) => this.#tellOthers(node, key, (other) => other.hearNote(key, note)),
      dropped: (reason) => onNodeDropped?.(reason),
      gone: (followed) => {
        this.#nodes.delete(node);
        for (const id of followed) this.#unfollow(node, id);
      },
    });
    this.#nodes.add(node);
  }

  #follow(node: ServedNode, key: LogKey): string {
    const id = compositeKey(key.tenant, key.channel);
    const followers = this.#followers.get(id) ?? new Set();
    this.#followers.set(id, followers.add(node));
    return id;
  }

  #unfollow(node: ServedNode, id: string): string {
    const followers = this.#followers.get(id);
    followers?.delete(node);
    if (followers?.size === 0) this.#followers.delete(id);
    return id;
  }

  #tellHead(node: ServedNode, key: LogKey, { epoch, lastSeq, tag }: AppendResult): void {
    this.#tellOthers(node, key, (other, id) => other.hearHead(id, key, { epoch, seq: lastSeq, tag }));
  }

  #tellOthers(node: ServedNode, key: LogKey, tell: (other: ServedNode, id: string) => void): void {
    const id = compositeKey(key.tenant, key.channel);
    for (const other of this.#followers.get(id) ?? []) if (other !== node) tell(other, id);
  }
}
