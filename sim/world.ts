/** Everything that one seed makes: a server over a store, clients, and the network between them. Nothing moves by itself. */
import { DEFAULT_NAMESPACE, NamespaceTable } from "../packages/server/src/core/namespace.ts";
import { FakeClock } from "../packages/server/src/core/testing/fake-clock.ts";
import { seededRandom } from "../packages/server/src/core/testing/seeded-random.ts";
import { createMemoryStore } from "../packages/server/src/stores/memory/memory-store.ts";
import type { Actor } from "./actors/actor.ts";
import type { ActorTiming, ActorWorld, Fold } from "./actors/actor-world.ts";
import type { WatchedCancel } from "./actors/cancel-watch.ts";
import { LibraryClient } from "./actors/library-client.ts";
import { PlainClient } from "./actors/plain-client.ts";
import { HIGH_WATER_BYTES, SESSION_TTL_MS, ServerHost, type ServerVariant } from "./actors/server-host.ts";
import { Dice } from "./dice.ts";
import { DEFAULT_CHECK_OPTIONS } from "./history/check-options.ts";
import type { Link } from "./network/link.ts";
import { SimNetwork } from "./network/sim-network.ts";
import { Recorder } from "./recorder.ts";
import { settlePromises } from "./settle-promises.ts";
import { Witness } from "./store/witness.ts";
import { wireRecord } from "./wire-record.ts";

/** Where `chat` keeps everything and `small` so little that readers who were away are reset. */
const NAMESPACES = {
  small: { ...DEFAULT_NAMESPACE, retention: { maxRecords: 12, maxBytes: 1_000_000, maxAgeMs: 3_600_000 } },
};
/** The server speaks every 5 s; silence for much longer is a dead connection. */
const TIMING: ActorTiming = {
  backOff: { maxDelayMs: 4_000 },
  heartbeat: { idlePingAfterMs: 7_000, pongTimeoutMs: 4_000 },
  plainReconnectMs: 700,
  plainSilenceMs: 12_000,
};
const CHANNELS = ["chat:1", "small:1", "chat:2", "small:2"] as const;

export class World implements ActorWorld {
  readonly clock = new FakeClock({ settlePromises });
  readonly recorder = new Recorder(() => this.clock.monotonicMs());
  readonly dice: Dice;
  readonly random;
  readonly network: SimNetwork;
  readonly timing = TIMING;
  readonly witness: Witness;
  readonly host: ServerHost;
  readonly channels: readonly string[];
  readonly actors: Actor[] = [];
  readonly executionIds: string[] = [];
  readonly cancels: WatchedCancel[] = [];
  readonly folds: Fold[] = [];

  constructor(seed: number, variant: ServerVariant = {}) {
    this.dice = new Dice(seed);
    this.random = seededRandom(seed ^ 0x5eed);
    this.witness = new Witness(createMemoryStore({ random: seededRandom(seed + 1) }), this.recorder);
    this.network = new SimNetwork(
      {
        accept: (link) => this.host.accept(link),
        arrived: (name, link, text) => this.#arrived(name, link, text),
        closed: (name, link, code) => this.#closed(name, link, code),
      },
      HIGH_WATER_BYTES,
    );
    this.host = new ServerHost({
      clock: this.clock,
      random: seededRandom(seed + 2),
      store: this.witness.store,
      recorder: this.recorder,
      namespaces: new NamespaceTable(NAMESPACES, DEFAULT_NAMESPACE, SESSION_TTL_MS),
      variant,
    });
    this.channels = CHANNELS.slice(0, this.dice.between(2, 4));
    this.host.start();
    const clientCount = this.dice.between(3, 8);
    for (let index = 0; index < clientCount; index += 1) {
      const isPlain = index % 3 === 2;
      this.actors.push(
        isPlain ? new PlainClient(`plain-${index}`, this) : new LibraryClient(`lib-${index}`, this),
      );
    }
  }

  #arrived(session: string, link: Link, text: string): void {
    const record = wireRecord(session, link.id, text);
    if (record !== undefined) this.recorder.write(record);
  }

  #closed(name: string, link: Link, code: number): void {
    this.recorder.note(`${name} ${link.id} closed ${code}`);
    const isKnown = code === 1006 || DEFAULT_CHECK_OPTIONS.closeCodes.has(code);
    if (!isKnown || code === 1011) this.recorder.find("close-code", `${link.id} ended with ${code}`);
  }
}
