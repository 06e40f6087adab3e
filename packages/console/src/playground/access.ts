import { computed, signal } from "@preact/signals";
import { fetchStats, type ServerStats, type StatsAnswer } from "./server-stats.ts";

const TOKEN_KEY = "tachikoma.token";
const CLIENT_ID_KEY = "tachikoma.client_id";
const REFRESH_INTERVAL_MS = 5_000;

export type AccessState =
  | { readonly state: "checking" }
  /** `wasRefused`: a key was given and the server did not take it. */
  | { readonly state: "locked"; readonly wasRefused: boolean }
  | { readonly state: "open"; readonly token: string | undefined };

/** The part of `localStorage` and `sessionStorage` that is used here. */
export type TextStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** Whether the server lets this page in, and what it tells about itself. The key stays in this tab's session storage. */
export class Access {
  readonly state = signal<AccessState>({ state: "checking" });
  readonly stats = signal<ServerStats | undefined>(undefined);
  readonly needsToken = computed(() => {
    const auth = this.stats.value?.auth;
    return auth !== undefined && auth !== "" && auth !== "none";
  });
  readonly #address: URL;
  readonly #storage: TextStorage;
  readonly #ask: typeof fetchStats;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(address: URL, storage: TextStorage, ask: typeof fetchStats = fetchStats) {
    this.#address = address;
    this.#storage = storage;
    this.#ask = ask;
  }

  async start(): Promise<void> {
    const token = this.#storage.getItem(TOKEN_KEY) ?? undefined;
    this.#decide(await this.#ask(this.#address, token), token);
  }

  async unlock(token: string): Promise<void> {
    this.#storage.setItem(TOKEN_KEY, token);
    this.#decide(await this.#ask(this.#address, token), token);
  }

  /** The socket was refused: browsers do not tell a page why, so the person is asked. */
  lock(): void {
    clearTimeout(this.#timer);
    const wasRefused = this.#storage.getItem(TOKEN_KEY) !== null;
    this.#storage.removeItem(TOKEN_KEY);
    this.state.value = { state: "locked", wasRefused };
  }

  #decide(answer: StatsAnswer, token: string | undefined): void {
    if (answer.state === "unauthorized") {
      this.lock();
      return;
    }
    this.stats.value = answer.state === "known" ? answer.stats : undefined;
    if (this.needsToken.value && token === undefined) {
      this.lock();
      return;
    }
    this.state.value = { state: "open", token };
    this.#scheduleRefresh(token);
  }

  #scheduleRefresh(token: string | undefined): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      if (!document.hidden) {
        const answer = await this.#ask(this.#address, token);
        if (answer.state === "known") this.stats.value = answer.stats;
        // Also when the server came up after the page did.
        if (answer.state === "unauthorized") this.lock();
      }
      if (this.state.value.state === "open") this.#scheduleRefresh(token);
    }, REFRESH_INTERVAL_MS);
  }
}

/** The same for all tabs of this browser: to the server they are one client. */
export function browserClientId(storage: TextStorage, makeId: () => string): string {
  const known = storage.getItem(CLIENT_ID_KEY);
  if (known !== null && /^[A-Za-z0-9_-]{1,64}$/.test(known)) return known;
  const made = makeId();
  storage.setItem(CLIENT_ID_KEY, made);
  return made;
}
