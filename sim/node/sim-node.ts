/** One node of a world: its machine, and the lives that its process has on it. */
import { sessionDoor } from "../../packages/server/src/core/connection/door-policy.ts";
import type { NamespaceTable } from "../../packages/server/src/core/namespace.ts";
import type { Random } from "../../packages/server/src/core/ports.ts";
import { SessionServer } from "../../packages/server/src/core/session-server.ts";
import type { FakeClock } from "../../packages/server/src/core/testing/fake-clock.ts";
import type { Link } from "../network/link.ts";
import type { Recorder } from "../recorder.ts";
import { HintLine } from "../store/hint-line.ts";
import { StorePath } from "../store/store-path.ts";
import type { StoreState } from "../store/store-state.ts";
import type { SyncStore } from "../store/sync-store.ts";
import type { ServerVariant } from "../variant.ts";
import { type MachineTime, NodeClock } from "./node-clock.ts";
import { serverOptions } from "./server-options.ts";

export interface NodeOptions {
  readonly name: string;
  readonly clock: FakeClock;
  readonly machine: MachineTime;
  readonly random: Random;
  /** The store as a new life opens it. */
  readonly openStore: (line: HintLine, hereMs: () => number) => SyncStore;
  readonly recorder: Recorder;
  readonly namespaces: NamespaceTable;
  readonly areExecutionsRestarted: boolean;
  readonly variant: ServerVariant;
  readonly storeState: () => StoreState;
}

interface Life {
  readonly number: number;
  readonly clock: NodeClock;
  readonly line: HintLine;
  readonly path: StorePath;
  readonly server: SessionServer;
  readonly links: Set<Link>;
  isOpen: boolean;
  isStopping: boolean;
}

export class SimNode {
  readonly name: string;
  readonly machine: MachineTime;
  /** How long its store may take to answer, where that is not the usual time. */
  maxStoreAgeMs: number | undefined;
  readonly #options: NodeOptions;
  #life: Life | undefined;
  #lifeCount = 0;

  constructor(options: NodeOptions) {
    this.name = options.name;
    this.machine = options.machine;
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  /** Up, and not on its way down. */
  get isServing(): boolean {
    return this.#life !== undefined && !this.#life.isStopping;
  }

  get isPaused(): boolean {
    return this.#life?.clock.isPaused ?? false;
  }

  get path(): StorePath | undefined {
    return this.#life?.path;
  }

  get line(): HintLine | undefined {
    return this.#life?.line;
  }

  get runningCount(): number {
    return this.#life?.server.executions.runningCount ?? 0;
  }

  connectionCountOf(clientId: string): number {
    return this.#life?.server.connections.ofClient("default", clientId).length ?? 0;
  }

  start(): void {
    const { recorder, variant, openStore, machine } = this.#options;
    this.#lifeCount += 1;
    const clock = new NodeClock(this.#options.clock, machine);
    const reach = (task: () => void) => clock.run(task);
    const line = new HintLine(reach);
    const path = new StorePath(
      openStore(line, () => clock.nowMs()),
      () => this.#options.clock.monotonicMs(),
      reach,
    );
    const store = variant.wrapStore?.(path.store) ?? path.store;
    const options = serverOptions({ ...this.#options, clock, store });
    const server = new SessionServer(variant.wrapOptions?.(options) ?? options);
    const life: Life = {
      number: this.#lifeCount,
      clock,
      line,
      path,
      server,
      links: new Set(),
      isOpen: false,
      isStopping: false,
    };
    this.#life = life;
    recorder.note(`${this.name} life ${life.number} is node ${server.nodeId}`);
    server.open().then(
      () => {
        life.isOpen = true;
      },
      (cause: unknown) => {
        // As the process would: it ends, and whoever watches over it starts it again.
        recorder.note(`${this.name} life ${life.number} could not open: ${String(cause)}`);
        if (this.#life === life) this.crash();
      },
    );
  }

  crash(): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    life.clock.die();
    life.path.cut();
    life.line.close();
    void life.path.store.close();
    for (const link of life.links) link.dropServer();
  }

  /** SIGTERM: it lets go of everything in order, and ends. */
  stop(graceMs: number): void {
    const life = this.#life;
    if (life === undefined || life.isStopping) return;
    // Nothing is there to let go of yet.
    if (!life.isOpen) return this.crash();
    life.isStopping = true;
    const { recorder } = this.#options;
    life.server.close(graceMs, "SERVER_RESTARTING").then(
      () => {
        recorder.note(`${this.name} life ${life.number} has stopped`);
        if (this.#life === life) this.crash();
      },
      (cause: unknown) => {
        recorder.find("stop", `${this.name} could not stop: ${String(cause)}`);
        if (this.#life === life) this.crash();
      },
    );
  }

  pause(): void {
    this.#life?.clock.pause();
  }

  /** Everything that it has slept through comes at once. */
  async resume(): Promise<void> {
    const life = this.#life;
    if (life === undefined || !life.clock.isPaused) return;
    for (const task of life.clock.resume()) {
      task();
      await this.#options.clock.settle();
    }
  }

  accept(link: Link): void {
    const life = this.#life;
    this.#options.recorder.note(`${link.id} knocks at ${this.name}`);
    if (life === undefined || !life.isOpen) return link.dropServer();
    life.links.add(link);
    life.clock.run(() => this.#admit(life, link));
  }

  #admit(life: Life, link: Link): void {
    const { searchParams } = link.url;
    const { variant, storeState } = this.#options;
    life.server
      .admit({
        credential: {},
        clientId: searchParams.get("client_id") ?? undefined,
        sessionId: searchParams.get("session_id") ?? undefined,
      })
      .then(
        (admitted) => {
          if (life.clock.isDead) return;
          // The socket may be gone by now.
          if (link.isServerGone || link.client === undefined) {
            admitted.reservation.release();
            return link.dropServer();
          }
          const connection = life.server.connect(admitted, {
            transport: variant.wrapTransport?.(link) ?? link,
            door: sessionDoor,
            peer: { userAgent: undefined, address: undefined },
            arePositionsFromClient: searchParams.get("positions") === "client",
          });
          link.server = {
            onText: (text) => {
              link.claims.take(text);
              const read = variant.readInbound?.(text, link, storeState()) ?? text;
              life.clock.run(() => connection.onText(read));
            },
            onPong: (checkpoint) => life.clock.run(() => connection.onPong(checkpoint)),
            onDrain: () => life.clock.run(() => connection.onDrain()),
            onClosed: (code) => life.clock.run(() => connection.onClosed(code)),
          };
        },
        (cause: unknown) => {
          this.#options.recorder.note(`refused ${link.id} ${String(cause)}`);
          link.dropServer();
        },
      );
  }
}
