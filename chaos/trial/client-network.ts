/** The way of the clients to the nodes: which entry each takes, as a load balancer would choose, and what came over it. */
import { DEFAULT_CHECK_OPTIONS } from "../../sim/history/check-options.ts";
import { wireRecord } from "../../sim/wire-record.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { NodePlace } from "../cluster/node-place.ts";
import { tokenFor } from "../node/permissions.ts";
import { EntrySocket, type EntrySocketHooks } from "../workload/entry-socket.ts";
import type { TrialRecorder } from "./trial-recorder.ts";

export interface ClosedConnection {
  readonly client: string;
  readonly code: number;
  /** False for an attempt that came to nothing. */
  readonly wasOpen: boolean;
}

const TOKEN_LIFE_MS = 3_600_000;
const NO_STATUS = 1005;
const NO_CLOSE_FRAME = 1006;
const INTERNAL_ERROR = 1011;

export class ClientNetwork {
  /** In the order in which they ended. */
  readonly closed: ClosedConnection[] = [];
  /** Where the next connection of a client goes to. @default the entry of the same node as before, while it is up */
  choosePort: ((clientName: string) => number | undefined) | undefined;
  /** What a client shows with its next connection. */
  tokenOf = (clientName: string) => tokenFor(clientName, Date.now() + TOKEN_LIFE_MS);
  readonly #cluster: Cluster;
  readonly #recorder: TrialRecorder;
  /** In the order in which they first connected: neighbours go to different nodes. */
  readonly #clients: string[] = [];
  readonly #opened = new WeakSet<EntrySocket>();
  readonly #sockets = new Map<EntrySocket, string>();
  #socketCount = 0;

  constructor(cluster: Cluster, recorder: TrialRecorder) {
    this.#cluster = cluster;
    this.#recorder = recorder;
  }

  webSocketFor(client: string): new (url: string) => EntrySocket {
    const nextId = () => {
      this.#socketCount += 1;
      return `${client}#${this.#socketCount}`;
    };
    const hooks = this.#hooksFor(client);
    return class extends EntrySocket {
      constructor(url: string) {
        super(nextId(), url, hooks);
      }
    };
  }

  /** The sockets of one client, or of all, that are open or about to be. */
  socketsOf(client?: string): EntrySocket[] {
    return [...this.#sockets].flatMap(([socket, name]) => ((client ?? name) === name ? [socket] : []));
  }

  close(): void {
    for (const socket of this.#sockets.keys()) socket.terminate();
  }

  #hooksFor(client: string): EntrySocketHooks {
    return {
      port: () => this.choosePort?.(client) ?? this.#usualNode(client).entry.port,
      token: () => (this.#cluster.spec.areTokensNeeded === true ? this.tokenOf(client) : undefined),
      made: (socket) => this.#sockets.set(socket, client),
      opened: (socket) => this.#opened.add(socket),
      text: (socket, text) => {
        const record = wireRecord(client, socket.id, text);
        if (record !== undefined) this.#recorder.write(record);
      },
      closed: (socket, code) => this.#closed(client, socket, code),
      refused: (status, body) => this.#refused(client, status, body),
    };
  }

  /** The same node for the same client, or the next one that is up. */
  #usualNode(client: string): NodePlace {
    if (!this.#clients.includes(client)) this.#clients.push(client);
    const { nodes } = this.#cluster;
    const start = this.#clients.indexOf(client);
    for (let step = 0; step < nodes.length; step += 1) {
      const node = nodes[(start + step) % nodes.length]!;
      if (node.isUp) return node;
    }
    return nodes[start % nodes.length]!;
  }

  #closed(client: string, socket: EntrySocket, code: number): void {
    this.#sockets.delete(socket);
    this.closed.push({ client, code, wasOpen: this.#opened.has(socket) });
    this.#recorder.note(`${client} ${socket.id} closed ${code}`);
    const isKnown =
      code === NO_CLOSE_FRAME || code === NO_STATUS || DEFAULT_CHECK_OPTIONS.closeCodes.has(code);
    if (!isKnown || code === INTERNAL_ERROR)
      this.#recorder.find("close-code", `${socket.id} ended with ${code}`);
  }

  #refused(client: string, status: number, body: string): void {
    const code = /"code":"([A-Z_]+)"/.exec(body)?.[1];
    this.#recorder.note(`${client} was refused: ${status} ${code}`);
    // What a fault has cut short says nothing.
    if (code !== undefined) this.#recorder.write({ kind: "call.fail", call: `upgrade ${status}`, code });
  }
}
