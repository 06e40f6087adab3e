import { TachikomaError } from "@tachikoma/protocol";
import type { HintListener, Store } from "../../stores/store.ts";
import type { NodeClock } from "./node-clock.ts";

interface Held {
  /** Given the call's first argument. */
  readonly isWanted: (argument: unknown) => boolean;
  readonly until: Promise<void>;
}

/**
 * One node's way to the store that it shares with others. `cut`: every call fails at once. `silent`: nothing is answered, as when
 * a network swallows everything. A node that is paused hears its answers when it runs again, one that is dead never.
 */
export class NodeLink {
  readonly store: Store;
  readonly #real: Store;
  readonly #clock: NodeClock;
  #state: "open" | "cut" | "silent" = "open";
  #listener: HintListener | undefined;
  #unanswered: (() => void)[] = [];
  readonly #failing = new Set<keyof Store>();
  readonly #losing = new Set<keyof Store>();
  readonly #holding = new Map<keyof Store, Held>();
  /** While true, hints get lost and nobody notices. */
  isDeaf = false;
  /** Calls by name, those that failed included. */
  readonly callCounts = new Map<string, number>();

  constructor(real: Store, clock: NodeClock) {
    this.#real = real;
    this.#clock = clock;
    this.store = this.#wrap();
  }

  /** The next call of this name fails. */
  failNext(name: keyof Store): void {
    this.#failing.add(name);
  }

  /** The next call of this name is carried out, and its answer is lost. */
  loseAnswer(name: keyof Store): void {
    this.#losing.add(name);
  }

  /** The next such call is under way until it is let through. */
  holdNext(name: keyof Store, isWanted: Held["isWanted"]): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#holding.set(name, { isWanted, until: promise });
    return resolve;
  }

  cut(): void {
    this.#state = "cut";
    this.#failUnanswered();
  }

  silence(): void {
    this.#state = "silent";
  }

  heal(): void {
    this.#state = "open";
    this.#failing.clear();
    this.#losing.clear();
    this.#failUnanswered();
    this.#clock.run(() => this.#listener?.onHintsLost());
  }

  callCount(name: keyof Store): number {
    return this.callCounts.get(name) ?? 0;
  }

  #failUnanswered(): void {
    const unanswered = this.#unanswered;
    this.#unanswered = [];
    for (const fail of unanswered) fail();
  }

  #wrap(): Store {
    const own: Partial<Store> = {
      listen: (listener) => this.#listen(listener),
      unfollow: (key) => this.#real.unfollow(key),
      say: (key, note) => {
        if (this.#state === "open" && !this.#clock.isDead) this.#real.say(key, note);
      },
    };
    return new Proxy(this.#real, {
      get: (real, name: keyof Store) => {
        const member = real[name];
        if (typeof member !== "function") return member;
        return (
          own[name] ??
          ((...args: unknown[]) =>
            this.#call(name, () => this.#whenLetThrough(name, args, () => Reflect.apply(member, real, args))))
        );
      },
    });
  }

  #listen(listener: HintListener): void {
    this.#listener = listener;
    const hear = (tell: () => void) => {
      if (this.#state === "open" && !this.isDeaf) this.#clock.run(tell);
    };
    this.#real.listen({
      onHead: (key, head) => hear(() => listener.onHead(key, head)),
      onNote: (key, note) => hear(() => listener.onNote(key, note)),
      onHintsLost: () => hear(() => listener.onHintsLost()),
    });
  }

  #call(name: keyof Store, apply: () => unknown): Promise<unknown> {
    this.#count(name);
    return new Promise((resolve, reject) => {
      if (this.#clock.isDead) return;
      const fail = () => this.#clock.run(() => reject(new TachikomaError("STORE_UNAVAILABLE")));
      if (this.#failing.delete(name) || this.#state === "cut") return fail();
      if (this.#state === "silent") {
        this.#unanswered.push(fail);
        return;
      }
      const isLost = this.#losing.delete(name);
      Promise.resolve(apply()).then(
        (value) => (isLost ? fail() : this.#clock.run(() => resolve(value))),
        (cause: unknown) => this.#clock.run(() => reject(cause)),
      );
    });
  }

  #whenLetThrough(name: keyof Store, args: readonly unknown[], apply: () => unknown): unknown {
    const held = this.#holding.get(name);
    if (held === undefined || !held.isWanted(args[0])) return apply();
    this.#holding.delete(name);
    return held.until.then(apply);
  }

  #count(name: keyof Store): void {
    this.callCounts.set(name, this.callCount(name) + 1);
  }
}
