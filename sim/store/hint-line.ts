/**
 * One node's wake-up channel. Hints wait here until the scheduler delivers them, one by one and in any order; a line that is deaf
 * loses them in silence, as a connection that looks healthy and is not.
 */
import type { Position } from "@tachikoma/protocol";
import { compositeKey } from "../../packages/server/src/stores/composite-key.ts";
import type { HintListener, LogKey } from "../../packages/server/src/stores/store.ts";

type Hint =
  | { readonly kind: "head"; readonly key: LogKey; readonly head: Position }
  | { readonly kind: "note"; readonly key: LogKey; readonly note: string }
  | { readonly kind: "lost" };

/** More than that means that nobody delivers them. */
const MAX_WAITING = 1_000;

export class HintLine {
  listener: HintListener | undefined;
  isDeaf = false;
  readonly #reach: (task: () => void) => void;
  readonly #followed = new Set<string>();
  readonly #waiting: Hint[] = [];

  /** @param reach runs what has reached the node, as soon as its process runs */
  constructor(reach: (task: () => void) => void) {
    this.#reach = reach;
  }

  get waitingCount(): number {
    return this.listener === undefined ? 0 : this.#waiting.length;
  }

  follow(key: LogKey): void {
    this.#followed.add(compositeKey(key.tenant, key.channel));
  }

  unfollow(key: LogKey): void {
    this.#followed.delete(compositeKey(key.tenant, key.channel));
  }

  head(key: LogKey, head: Position): void {
    if (this.#hears(key)) this.#push({ kind: "head", key, head });
  }

  note(key: LogKey, note: string): void {
    if (this.#hears(key)) this.#push({ kind: "note", key, note });
  }

  /** The connection was lost and is there again. */
  lost(): void {
    this.#waiting.length = 0;
    if (this.listener !== undefined) this.#waiting.push({ kind: "lost" });
  }

  /** @param repeats true when the hint will come again */
  deliver(index: number, repeats: boolean): string {
    const hint = this.#waiting[index]!;
    if (!repeats) this.#waiting.splice(index, 1);
    const { listener } = this;
    switch (hint.kind) {
      case "head":
        this.#reach(() => listener?.onHead(hint.key, hint.head));
        return `head ${hint.key.channel} ${hint.head.seq}`;
      case "note":
        this.#reach(() => listener?.onNote(hint.key, hint.note));
        return `note ${hint.key.channel} ${hint.note}`;
      case "lost":
        this.#reach(() => listener?.onHintsLost());
        return "hints lost";
    }
  }

  drop(index: number): void {
    this.#waiting.splice(index, 1);
  }

  close(): void {
    this.listener = undefined;
    this.#waiting.length = 0;
    this.#followed.clear();
  }

  #hears(key: LogKey): boolean {
    return !this.isDeaf && this.#followed.has(compositeKey(key.tenant, key.channel));
  }

  #push(hint: Hint): void {
    if (this.listener !== undefined && this.#waiting.length < MAX_WAITING) this.#waiting.push(hint);
  }
}
