import { signal } from "@preact/signals";
import { connect, type SessionEvent, type TachikomaClient } from "@tachikoma/client";
import { type LinkEvent, withEvent } from "./event-log.ts";
import { type LinkState, linkEventText, linkTone } from "./link-state.ts";

export interface ConnectionOptions {
  readonly address: URL;
  readonly clientId: string;
  readonly token: string | undefined;
}

/** The page's one client, as signals: where it stands, which session it has, what happened. */
export class Connection {
  readonly client: TachikomaClient;
  readonly link = signal<LinkState>({ state: "connecting", attempt: 1 });
  readonly session = signal<SessionEvent | undefined>(undefined);
  readonly resumeCount = signal(0);
  readonly events = signal<readonly LinkEvent[]>([]);
  #returnTimer: ReturnType<typeof setTimeout> | undefined;
  #returnAtMs: number | undefined;
  #lostAtMs: number | undefined;

  constructor({ address, clientId, token }: ConnectionOptions) {
    this.client = connect(address.href, { clientId, ...(token === undefined ? {} : { token }) });
    this.client.on("status", () => this.#readStatus());
    this.client.on("session", (event) => this.#welcomed(event));
    this.client.on("reconnect", ({ inMs, reason }) => {
      this.log(`The server asks to reconnect in ${inMs} ms: ${reason}`, "warn");
    });
    this.client.on("error", (error) => this.log(error.message, "bad"));
    this.#readStatus();
  }

  /** Cuts the socket without a word, as a dead network would. */
  cut(): void {
    this.log("You cut the socket", "neutral");
    this.client.dropConnection();
  }

  goOffline(durationMs: number): void {
    clearTimeout(this.#returnTimer);
    this.#returnAtMs = Date.now() + durationMs;
    this.#returnTimer = setTimeout(() => this.goOnline(), durationMs);
    this.client.disconnect();
    this.#readStatus();
  }

  goOnline(): void {
    clearTimeout(this.#returnTimer);
    this.#returnTimer = undefined;
    this.#returnAtMs = undefined;
    this.client.connect();
    this.#readStatus();
  }

  log(text: string, tone: LinkEvent["tone"]): void {
    this.events.value = withEvent(this.events.value, { atMs: Date.now(), text, tone });
  }

  close(): void {
    clearTimeout(this.#returnTimer);
    this.client.close();
  }

  #readStatus(): void {
    const { status } = this.client;
    const nowMs = Date.now();
    const link: LinkState =
      status.state === "offline" ? { state: "offline", untilMs: this.#returnAtMs } : status;
    const text = linkEventText(link, nowMs);
    const isNews = text !== this.events.value[0]?.text && link.state !== this.link.value.state;
    if (this.link.value.state === "online" && link.state !== "online") this.#lostAtMs = nowMs;
    this.link.value = link;
    if (isNews && link.state !== "online") this.log(text, linkTone(link));
  }

  #welcomed(event: SessionEvent): void {
    const awayText =
      this.#lostAtMs === undefined ? "" : ` after ${((Date.now() - this.#lostAtMs) / 1_000).toFixed(1)} s`;
    this.#lostAtMs = undefined;
    this.session.value = event;
    if (event.resumed) this.resumeCount.value += 1;
    if (event.resumed) this.log(`Online, session resumed${awayText}`, "good");
    else
      this.log(
        event.reason === undefined ? "Online, new session" : `Online, new session: ${event.reason}`,
        "good",
      );
  }
}
