import type { SessionInfo } from "../api.ts";
import type { SessionStorage } from "../options.ts";

/** What is kept across page loads. */
interface Remembered {
  readonly sessionId: string;
  readonly clientId: string;
  /** Where the inboxes were read up to, in wire form, by channel. */
  readonly inboxes: Readonly<Record<string, string>>;
}

/** Which session to ask for, and where its inboxes were read up to. */
export class SessionMemory {
  readonly #storage: SessionStorage | undefined;
  readonly #onFailure: (thrown: unknown) => void;
  #sessionId: string | undefined;
  #clientId: string | undefined;
  #info: SessionInfo | undefined;
  #inboxes: Readonly<Record<string, string>> = {};
  #isLoaded: boolean;

  constructor(
    options: { readonly sessionId?: string; readonly clientId?: string; readonly storage?: SessionStorage },
    onFailure: (thrown: unknown) => void,
  ) {
    this.#sessionId = options.sessionId;
    this.#clientId = options.clientId;
    this.#storage = options.storage;
    this.#isLoaded = options.storage === undefined || options.sessionId !== undefined;
    this.#onFailure = onFailure;
  }

  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  get clientId(): string | undefined {
    return this.#clientId;
  }

  /** As of the last welcome. */
  get info(): SessionInfo | undefined {
    return this.#info;
  }

  inboxPosition(channel: string): string | undefined {
    return Object.hasOwn(this.#inboxes, channel) ? this.#inboxes[channel] : undefined;
  }

  /** Reads the storage, once. A promise only where the storage makes one. */
  load(): undefined | Promise<void> {
    if (this.#isLoaded) return undefined;
    this.#isLoaded = true;
    try {
      const stored = this.#storage?.get();
      if (!(stored instanceof Promise)) {
        this.#read(stored);
        return undefined;
      }
      return stored.then((text) => this.#read(text)).catch(this.#onFailure);
    } catch (thrown) {
      this.#onFailure(thrown);
      return undefined;
    }
  }

  welcomed(info: SessionInfo): void {
    if (info.sessionId !== this.#sessionId) this.#inboxes = {};
    this.#sessionId = info.sessionId;
    this.#clientId = info.clientId;
    this.#info = info;
    this.#save();
  }

  readUpTo(channel: string, position: string): void {
    this.#inboxes = { ...this.#inboxes, [channel]: position };
    this.#save();
  }

  forget(): void {
    this.#sessionId = undefined;
    this.#inboxes = {};
  }

  #read(text: string | null | undefined): void {
    const remembered = parseRemembered(text);
    // Another client's session would be refused.
    if (remembered === undefined || (this.#clientId ?? remembered.clientId) !== remembered.clientId) return;
    this.#sessionId = remembered.sessionId;
    this.#clientId = remembered.clientId;
    this.#inboxes = remembered.inboxes;
  }

  #save(): void {
    if (this.#storage === undefined || this.#sessionId === undefined || this.#clientId === undefined) return;
    const remembered: Remembered = {
      sessionId: this.#sessionId,
      clientId: this.#clientId,
      inboxes: this.#inboxes,
    };
    try {
      Promise.resolve(this.#storage.set(JSON.stringify(remembered))).catch(this.#onFailure);
    } catch (thrown) {
      this.#onFailure(thrown);
    }
  }
}

/** `undefined` for whatever somebody else has left in the storage. */
function parseRemembered(text: string | null | undefined): Remembered | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const { sessionId, clientId, inboxes } = JSON.parse(text) as Partial<Remembered>;
    if (typeof sessionId !== "string" || typeof clientId !== "string") return undefined;
    return { sessionId, clientId, inboxes: typeof inboxes === "object" && inboxes !== null ? inboxes : {} };
  } catch {
    return undefined;
  }
}
