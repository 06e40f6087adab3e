/** What has arrived over a stream of events, to be confirmed from time to time. */
const RECORD_FRAME =
  /^\{"type":"(?:message|chunk|skip|execution_[a-z]+)","channel":("(?:[^"\\]|\\.)*"),"position":("[\w.-]+")/;

/** As many as one `ack` may confirm. */
const MAX_CHANNELS = 1_024;

export class SeenPositions {
  /** JSON texts. */
  readonly #byChannel = new Map<string, string>();

  note(text: string): void {
    const [, channel, position] = RECORD_FRAME.exec(text) ?? [];
    if (channel === undefined || position === undefined) return;
    if (this.#byChannel.size < MAX_CHANNELS || this.#byChannel.has(channel))
      this.#byChannel.set(channel, position);
  }

  /** The message that confirms it; `undefined` when nothing is new. */
  takeAck(): string | undefined {
    if (this.#byChannel.size === 0) return undefined;
    const positions = [...this.#byChannel].map(([channel, position]) => `${channel}:${position}`);
    this.#byChannel.clear();
    return `{"type":"ack","positions":{${positions.join(",")}}}`;
  }
}
