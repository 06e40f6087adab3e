/** Everything that one seed makes: nodes over a store, clients, and the network between them. Nothing moves by itself. */
import {
  DEFAULT_NAMESPACE,
  NamespaceTable,
  type PermissionRequest,
} from "../packages/server/src/core/namespace.ts";
import type { Clock, Random } from "../packages/server/src/core/ports.ts";
import { FakeClock } from "../packages/server/src/core/testing/fake-clock.ts";
import { seededRandom } from "../packages/server/src/core/testing/seeded-random.ts";
import type { Actor } from "./actors/actor.ts";
import type { ActorTiming, ActorWorld, Fold } from "./actors/actor-world.ts";
import type { WatchedCancel } from "./actors/cancel-watch.ts";
import { CROWD_NAME, Crowd } from "./actors/crowd.ts";
import { LibraryClient } from "./actors/library-client.ts";
import { PlainClient } from "./actors/plain-client.ts";
import { Dice } from "./dice.ts";
import { DEFAULT_CHECK_OPTIONS } from "./history/check-options.ts";
import type { Link } from "./network/link.ts";
import { SimNetwork } from "./network/sim-network.ts";
import { type MachineTime, NodeClock } from "./node/node-clock.ts";
import { HIGH_WATER_BYTES, SESSION_TTL_MS } from "./node/server-options.ts";
import { SimNode } from "./node/sim-node.ts";
import { Permissions } from "./permissions.ts";
import { ReconnectSpread } from "./reconnect-spread.ts";
import { Recorder } from "./recorder.ts";
import { settlePromises } from "./settle-promises.ts";
import { StoreSim } from "./store/store-sim.ts";
import { Witness } from "./store/witness.ts";
import type { ServerVariant, Variant } from "./variant.ts";
import { WireReader } from "./wire-record.ts";
import { planWorld, type WorldPlan } from "./world-plan.ts";

const SMALL_RETENTION = { maxRecords: 12, maxBytes: 1_000_000, maxAgeMs: 3_600_000 };
const MAX_BACK_OFF_MS = 2_000;
/** The server speaks every 4 s; silence for much longer is a dead connection. */
const TIMING: ActorTiming = {
  backOff: { maxDelayMs: MAX_BACK_OFF_MS },
  heartbeat: { idlePingAfterMs: 5_000, pongTimeoutMs: 2_500 },
  plainReconnectMs: 700,
  plainSilenceMs: 8_000,
};
const REPLACED = 4409;
const CHANNELS = ["chat:1", "small:1", "chat:2", "small:2"] as const;
/** Machines have been up for different times. */
const MAX_BOOT_MS = 1_000_000;

interface Device {
  readonly name: string;
  readonly machine: MachineTime;
}

export interface WorldOptions {
  readonly variant?: Variant;
  /** What kind of world it has to be, whatever the seed says. */
  readonly plan?: Partial<WorldPlan>;
  /** Whether everything that happens is written down, for people to read. @default false */
  readonly isTraced?: boolean;
}

export class World implements ActorWorld {
  readonly plan: WorldPlan;
  readonly clock = new FakeClock({ settlePromises });
  readonly recorder: Recorder;
  readonly dice: Dice;
  readonly random: Random;
  readonly network: SimNetwork;
  readonly timing = TIMING;
  readonly witness: Witness;
  readonly store: StoreSim;
  readonly nodes: readonly SimNode[];
  readonly channels: readonly string[];
  readonly actors: Actor[] = [];
  readonly executionIds: string[] = [];
  readonly cancels: WatchedCancel[] = [];
  readonly folds: Fold[] = [];
  readonly permissions = new Permissions(() => this.clock.monotonicMs());
  readonly crowd: Crowd | undefined;
  /** What the clients of our library run on. */
  readonly devices: Device[] = [];
  readonly spread = new ReconnectSpread(MAX_BACK_OFF_MS);
  readonly #wire = new WireReader();
  /** Rolled for nothing else, so that who connects where does not depend on what else happens. */
  readonly #nodeDice: Dice;

  constructor(seed: number, { variant = {}, plan, isTraced = false }: WorldOptions = {}) {
    this.recorder = new Recorder(() => this.clock.monotonicMs(), isTraced);
    this.dice = new Dice(seed);
    this.#nodeDice = new Dice(seed ^ 0x0dd);
    const random = seededRandom(seed ^ 0x5eed);
    this.random = variant.wrapRandom?.(random) ?? random;
    this.plan = { ...planWorld(this.dice), ...plan };
    this.recorder.note(`plan ${JSON.stringify(this.plan)}`);
    this.witness = new Witness(this.recorder);
    this.store = new StoreSim({
      random: seededRandom(seed + 1),
      isShared: this.plan.isStoreShared,
      nowMs: () => this.clock.nowMs(),
    });
    this.network = new SimNetwork(
      {
        accept: (link) => {
          this.spread.tried(link.clientName, this.clock.monotonicMs());
          const sessionId = link.url.searchParams.get("session_id");
          if (sessionId !== null) this.witness.takings.asked(link.id, sessionId);
          this.#nodeDice.pick(this.nodes).accept(link);
        },
        filterFor: () => variant.makeFilter?.(),
        arrived: (name, link, text) => this.#arrived(name, link, text),
        closed: (name, link, code) => this.#closed(name, link, code),
      },
      HIGH_WATER_BYTES,
    );
    this.nodes = this.#makeNodes(seed, variant);
    this.channels = CHANNELS.slice(0, this.plan.channelCount);
    for (const node of this.nodes) node.start();
    this.crowd = this.plan.hasCrowd ? new Crowd(this) : undefined;
    for (let index = 0; index < this.plan.clientCount; index += 1) {
      // Who goes by the numbers of records alone cannot tell that a log was put back.
      const isPlain = index % 3 === 2 && !this.plan.mayRestoreBackup;
      this.actors.push(
        isPlain ? new PlainClient(`plain-${index}`, this) : new LibraryClient(`lib-${index}`, this),
      );
    }
  }

  clockOf(clientName: string): Clock {
    const device = { name: clientName, machine: { skewMs: 0, bootMs: 0 } };
    this.devices.push(device);
    return new NodeClock(this.clock, device.machine);
  }

  isRevoked(clientName: string, channel: string): boolean {
    return this.permissions.isRevoked(clientName, channel);
  }

  mayBeRefused(clientName: string, channel: string): boolean {
    return this.permissions.mayBeRefused(clientName, channel);
  }

  /** Where `chat` keeps everything and `small` so little that readers who were away are reset. */
  #namespaces(): NamespaceTable {
    const canSubscribe = ({ identity, channel }: PermissionRequest) =>
      !this.permissions.isRevoked(identity.clientId, channel);
    const chat = { ...DEFAULT_NAMESPACE, canSubscribe, isPresenceEnabled: true };
    const small = { ...DEFAULT_NAMESPACE, canSubscribe, retention: SMALL_RETENTION };
    return new NamespaceTable({ chat, small }, DEFAULT_NAMESPACE, SESSION_TTL_MS);
  }

  #makeNodes(seed: number, variant: ServerVariant): SimNode[] {
    const { clock, recorder, store, witness } = this;
    const { areExecutionsRestarted } = this.plan;
    const namespaces = this.#namespaces();
    return Array.from(
      { length: this.plan.nodeCount },
      (_, index) =>
        new SimNode({
          name: `n${index + 1}`,
          clock,
          machine: { skewMs: 0, bootMs: this.dice.between(0, MAX_BOOT_MS) },
          random: seededRandom(seed + 2 + index),
          openStore: (line, hereMs) => witness.watch(store.open(line, hereMs)),
          recorder,
          namespaces,
          areExecutionsRestarted,
          variant,
          storeState: () => store.state,
        }),
    );
  }

  #arrived(session: string, link: Link, text: string): void {
    link.claims.hear(text);
    const record = this.#wire.read(session, link.id, text);
    if (record === undefined) return;
    if (link.claims.isSentAgain(record))
      this.recorder.find("replay", `${session} was sent ${record.stream} ${record.seq} again, which it has`);
    this.recorder.write(record);
  }

  #closed(name: string, link: Link, code: number): void {
    this.recorder.note(`${name} ${link.id} closed ${code}`);
    if (code === 1006 && name.startsWith("lib-")) this.spread.lost(name, this.clock.monotonicMs());
    if (code === REPLACED && !this.#mayBeReplaced(name, link))
      this.recorder.find("replaced", `${link.id} was the newest connection and was ended as replaced`);
    const isKnown = code === 1006 || DEFAULT_CHECK_OPTIONS.closeCodes.has(code);
    if (!isKnown || code === 1011) this.recorder.find("close-code", `${link.id} ended with ${code}`);
  }

  /** With one owner of the store, connections come to it as they knocked. */
  #mayBeReplaced(name: string, { id }: Link): boolean {
    if (name === CROWD_NAME) return true;
    return this.plan.isStoreShared && this.witness.takings.mayBeReplaced(id);
  }
}
