/** What is configured for the channels of one namespace, the part of a channel's name before the first `:`. */
import { namespaceOf, RESERVED_PREFIX } from "@tachikoma/protocol";
import type { Retention } from "../stores/store.ts";
import type { Identity, Verb } from "./identity.ts";

/** What a permission hook is asked. */
export interface PermissionRequest {
  readonly identity: Identity;
  readonly verb: Verb;
  readonly channel: string;
  /** The channel's name after the namespace. */
  readonly id: string;
}

/** Answers whether the verb is allowed. A hook that throws or rejects refuses. */
export type PermissionHook = (request: PermissionRequest) => boolean | Promise<boolean>;

export interface NamespaceConfig {
  readonly retention: Retention;
  readonly isPresenceEnabled: boolean;
  readonly maxRecordBytes: number;
  /** Asked for `subscribe`, `history` and `presence`. */
  readonly canSubscribe?: PermissionHook;
  /** Asked for `publish` and `signal`. */
  readonly canPublish?: PermissionHook;
  /** Asked for `execute`, `cancel` and `input`. */
  readonly canExecute?: PermissionHook;
  /** What a new subscriber is given with `subscribed`. It is read after the position was taken. */
  readonly initialState?: (request: Omit<PermissionRequest, "verb">) => unknown;
}

/** Channels: 10,000 records, 64 MiB or a day, whichever is reached first. */
export const DEFAULT_NAMESPACE: NamespaceConfig = {
  retention: { maxRecords: 10_000, maxBytes: 64 * 1024 * 1024, maxAgeMs: 24 * 3_600_000 },
  isPresenceEnabled: false,
  maxRecordBytes: 1024 * 1024,
};

/** Inboxes hold little and for as long as a session may be away. */
const INBOX_MAX_RECORDS = 1_000;
const INBOX_MAX_BYTES = 4 * 1024 * 1024;

export class NamespaceTable {
  readonly #configs: ReadonlyMap<string, NamespaceConfig>;
  readonly #fallback: NamespaceConfig;
  readonly #inbox: NamespaceConfig;

  constructor(
    configs: Readonly<Record<string, NamespaceConfig>>,
    fallback: NamespaceConfig,
    sessionTtlMs: number,
  ) {
    this.#configs = new Map(Object.entries(configs));
    this.#fallback = fallback;
    this.#inbox = {
      retention: { maxRecords: INBOX_MAX_RECORDS, maxBytes: INBOX_MAX_BYTES, maxAgeMs: sessionTtlMs },
      isPresenceEnabled: false,
      maxRecordBytes: fallback.maxRecordBytes,
    };
  }

  configOf(channel: string): NamespaceConfig {
    if (channel.startsWith(RESERVED_PREFIX)) return this.#inbox;
    return this.#configs.get(namespaceOf(channel)) ?? this.#fallback;
  }
}
