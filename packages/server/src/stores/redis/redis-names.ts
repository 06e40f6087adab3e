/**
 * Names in Redis. All keys and topics of a store start with `{PREFIX}:`; in a cluster the braces keep them on one shard, so that one
 * script can touch several. What comes from outside is written so that no two names can become one.
 */
import { TachikomaError } from "@tachikoma/protocol";
import type { LogKey, ReceiptKey, RosterKey } from "../store.ts";

const PREFIX_PATTERN = /^[A-Za-z0-9_.:-]{1,64}$/;
/** The separator, the sign itself, and halves of characters, which have no bytes of their own. */
const UNSAFE = /[%/\p{Cs}]/gu;
const ESCAPED = /%([0-9A-F]{4})/g;

export class RedisNames {
  readonly server: string;
  readonly due: string;
  readonly keyed: string;
  readonly idle: string;
  readonly sessions: string;
  readonly receipts: string;
  readonly leases: string;
  /** What all of them start with. */
  readonly root: string;

  /**
   * @param database part of the names too, because topics are the same in all databases of a server
   * @throws CONFIG_INVALID
   */
  constructor(prefix: string, database = 0) {
    if (!PREFIX_PATTERN.test(prefix)) {
      throw new TachikomaError(
        "CONFIG_INVALID",
        `Key prefix ${JSON.stringify(prefix)} is not 1 to 64 letters, digits and "_.:-"`,
      );
    }
    this.root = database === 0 ? `{${prefix}}:` : `{${prefix}@${database}}:`;
    this.server = `${this.root}server`;
    this.due = `${this.root}due`;
    this.keyed = `${this.root}keyed`;
    this.idle = `${this.root}idle`;
    this.sessions = `${this.root}sessions`;
    this.receipts = `${this.root}receipts`;
    this.leases = `${this.root}leases`;
  }

  log(key: LogKey): string {
    return `${this.root}log:${joinNames(key.tenant, key.channel)}`;
  }

  /** The stream that holds what a log holds. */
  pieces(key: LogKey): string {
    return `${this.root}pieces:${joinNames(key.tenant, key.channel)}`;
  }

  /** The topic on which the news of a log are told. */
  hints(key: LogKey): string {
    return `${this.root}hints:${joinNames(key.tenant, key.channel)}`;
  }

  /** The topic on which a node hears itself. */
  probe(nodeNonce: string): string {
    return `${this.root}probe:${nodeNonce}`;
  }

  session(tenant: string, sessionId: string): string {
    return `${this.root}session:${joinNames(tenant, sessionId)}`;
  }

  receipt(key: ReceiptKey): string {
    return `${this.root}receipt:${joinNames(key.tenant, key.clientId, key.commandId)}`;
  }

  lease(name: string): string {
    return `${this.root}lease:${encodeName(name)}`;
  }

  roster({ tenant, kind, name }: RosterKey): string {
    return `${this.root}roster:${joinNames(tenant, kind, name)}`;
  }

  /** The set of all entries under one lease. */
  enrolled(lease: string): string {
    return `${this.root}enrolled:${encodeName(lease)}`;
  }
}

export function joinNames(...names: readonly string[]): string {
  return names.map(encodeName).join("/");
}

export function splitNames(joined: string): string[] {
  return joined.split("/").map(decodeName);
}

export function encodeName(name: string): string {
  return name.replace(UNSAFE, (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`);
}

export function decodeName(encoded: string): string {
  return encoded.replace(ESCAPED, (_match, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
