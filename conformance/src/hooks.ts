/** What the suite can have done to the process of the server. */
export interface ServerHooks {
  /** Begins an orderly stop; the server ends soon after it. */
  stop?(): Promise<void>;
  /** Ends the process at once, without a chance to tidy up. */
  kill?(): Promise<void>;
  /** Starts the server again at the same address. Resolves when it takes connections. */
  start?(): Promise<void>;
}
