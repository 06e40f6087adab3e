/** Signals go to those who follow a channel now, on every node. They are not stored, and not for a connection that has no room. */
import type { LogKey } from "../stores/store.ts";
import type { Hints } from "./cluster/hints.ts";
import type { Subscriber } from "./delivery/subscriber.ts";
import type { LogHub } from "./log/log-hub.ts";

export interface SignalsOptions {
  readonly hub: LogHub;
  readonly hints: Hints;
}

export class Signals {
  readonly #options: SignalsOptions;

  constructor(options: SignalsOptions) {
    this.#options = options;
    options.hints.whenNote("signal", (key, { text }) => this.#deliver(key, text, undefined));
  }

  /**
   * @param text the message as its readers get it
   * @param sender does not get its own; `undefined` for one that follows nothing
   */
  send(key: LogKey, text: string, sender: Subscriber | undefined): void {
    this.#deliver(key, text, sender);
    this.#options.hints.say(key, { kind: "signal", text });
  }

  #deliver(key: LogKey, text: string, sender: Subscriber | undefined): void {
    for (const { subscriber } of this.#options.hub.peek(key)?.cursors ?? []) {
      if (subscriber !== sender) subscriber.sendIfRoom(text);
    }
  }
}
