import type { Unsubscribe } from "./api.ts";

/** Listeners by event. One that throws does not keep the others from being called. */
export class Listeners<Events extends object> {
  readonly #byEvent = new Map<keyof Events, Set<(value: never) => void>>();
  readonly #onThrown: (thrown: unknown) => void;

  constructor(onThrown: (thrown: unknown) => void) {
    this.#onThrown = onThrown;
  }

  on<Name extends keyof Events>(event: Name, listener: (value: Events[Name]) => void): Unsubscribe {
    // Wrapped, so that one function added twice is two listeners with an end each.
    const entry = (value: Events[Name]) => listener(value);
    const listeners = this.#byEvent.get(event) ?? new Set();
    this.#byEvent.set(event, listeners);
    listeners.add(entry);
    return () => {
      listeners.delete(entry);
    };
  }

  has(event: keyof Events): boolean {
    return (this.#byEvent.get(event)?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events>(event: Name, value: Events[Name]): void {
    const listeners = this.#byEvent.get(event);
    if (listeners === undefined) return;
    for (const listener of [...listeners]) {
      // A listener that was removed by one before it is not called any more.
      if (!listeners.has(listener)) continue;
      try {
        (listener as (value: Events[Name]) => void)(value);
      } catch (thrown) {
        this.#onThrown(thrown);
      }
    }
  }
}
