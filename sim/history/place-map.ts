/** One place in one log. */
export interface Place {
  readonly stream: string;
  readonly epoch: string;
  readonly seq: number;
}

/** Values by place. Each record of a history is looked up here several times, so no key is put together for it. */
export class PlaceMap<Value> {
  readonly #logs = new Map<string, Map<string, Map<number, Value>>>();

  get({ stream, epoch, seq }: Place): Value | undefined {
    return this.#logs.get(stream)?.get(epoch)?.get(seq);
  }

  set({ stream, epoch, seq }: Place, value: Value): void {
    this.#log(stream, epoch).set(seq, value);
  }

  #log(stream: string, epoch: string): Map<number, Value> {
    const epochs = this.#logs.get(stream) ?? new Map<string, Map<number, Value>>();
    if (epochs.size === 0) this.#logs.set(stream, epochs);
    const log = epochs.get(epoch) ?? new Map<number, Value>();
    if (log.size === 0) epochs.set(epoch, log);
    return log;
  }
}
