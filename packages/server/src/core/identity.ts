/** Who is at the other end. Made once at the door and never changed by what a client says afterwards. */
export interface Identity {
  /** Part of every key in every store, so that isolation does not depend on anyone remembering it. */
  readonly tenant: string;
  /** Who signed in. */
  readonly subject: string;
  /** The device or process; several connections may share it. */
  readonly clientId: string;
  /** What the credential allows; `undefined` allows everything that the channel's configuration allows. */
  readonly grants: readonly Grant[] | undefined;
  /** When the credential ends, in milliseconds since 1970. */
  readonly expiresAtMs: number | undefined;
}

export type Verb =
  | "subscribe"
  | "publish"
  | "signal"
  | "execute"
  | "cancel"
  | "input"
  | "presence"
  | "history"
  | "custom";

export interface Grant {
  readonly verbs: readonly Verb[] | "all";
  /** A channel name, or a prefix that ends in `*`. */
  readonly channels: string;
}

export const DEFAULT_TENANT = "default";
