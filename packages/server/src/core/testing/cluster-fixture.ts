/** Several server cores in one process: each with a store of its own on one memory, all on one clock that the test moves. */
import { SharedMemory } from "../../stores/memory/memory-store.ts";
import { CoreFixture, type CoreFixtureOptions } from "./core-fixture.ts";
import { FakeClock } from "./fake-clock.ts";
import { NodeClock } from "./node-clock.ts";
import { NodeLink } from "./node-link.ts";
import { seededRandom } from "./seeded-random.ts";

export interface ClusterFixtureOptions
  extends Pick<CoreFixtureOptions, "handlers" | "handlersToRestart" | "limits" | "namespaces" | "seed"> {
  /** @default 2 */
  readonly nodeCount?: number;
}

export class ClusterFixture {
  readonly clock = new FakeClock();
  readonly memory: SharedMemory;
  readonly nodes: ClusterNode[] = [];
  readonly #options: ClusterFixtureOptions;
  #nodeCount = 0;

  constructor(options: ClusterFixtureOptions = {}) {
    this.#options = options;
    this.memory = new SharedMemory(seededRandom(options.seed ?? 1));
    for (let count = 0; count < (options.nodeCount ?? 2); count += 1) this.addNode();
  }

  node(index: number): ClusterNode {
    const node = this.nodes[index];
    if (node === undefined) throw new RangeError(`There is no node ${index} of ${this.nodes.length}`);
    return node;
  }

  addNode(): ClusterNode {
    const process = new NodeClock(this.clock);
    const link = new NodeLink(this.memory.open(), process);
    this.#nodeCount += 1;
    // Of its own, also after others have gone.
    const seed = (this.#options.seed ?? 1) * 1_000 + this.#nodeCount;
    const node = new ClusterNode(process, link, { ...this.#options, clock: this.clock, seed });
    this.nodes.push(node);
    return node;
  }

  async open(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.server.open()));
  }
}

export class ClusterNode extends CoreFixture {
  readonly link: NodeLink;
  readonly #process: NodeClock;

  constructor(process: NodeClock, link: NodeLink, options: CoreFixtureOptions) {
    super({ ...options, store: link.store, serverClock: process });
    this.link = link;
    this.#process = process;
  }

  get isPaused(): boolean {
    return this.#process.isPaused;
  }

  get isRunning(): boolean {
    return !this.#process.isPaused && !this.#process.isDead;
  }

  /** What the node was waiting for does not happen any more; its peers are not told. */
  kill(): void {
    this.#process.die();
  }

  /** Time goes on without the node until it is resumed. */
  pause(): void {
    this.#process.pause();
  }

  resume(): void {
    this.#process.resume();
  }
}
