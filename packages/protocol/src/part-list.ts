import { isDataPart, isToolPart, type MessagePart } from "./message.ts";

export interface FoundPart<Part extends MessagePart> {
  readonly index: number;
  readonly part: Part;
}

/**
 * The parts of a message under way. They are copied only when they change after they were handed out, and found by key without
 * a search: neither may cost more as the message grows.
 */
export class PartList {
  #parts: MessagePart[];
  #isHandedOut = true;
  /** Where the latest part of each key is; made when it is first asked. After `dropStep` an entry may be out of date. */
  #indexByKey: Map<string, number> | undefined;
  #stepStart: number | undefined;

  constructor(parts: readonly MessagePart[]) {
    this.#parts = parts as MessagePart[];
  }

  /** The parts as they are now; what is returned does not change any more. */
  handOut(): readonly MessagePart[] {
    this.#isHandedOut = true;
    return this.#parts;
  }

  push(part: MessagePart): void {
    this.#makeOwn();
    this.#parts.push(part);
    const key = partKey(part);
    if (key !== undefined) this.#indexByKey?.set(key, this.#parts.length - 1);
    if (part.type === "step-start") this.#stepStart = this.#parts.length;
  }

  /** Puts a part of the same key in the place of another. */
  replace(index: number, part: MessagePart): void {
    this.#makeOwn();
    this.#parts[index] = part;
  }

  /** The latest part of the key that `matches`. */
  find<Part extends MessagePart>(
    key: string,
    matches: (part: MessagePart) => part is Part,
  ): FoundPart<Part> | undefined {
    this.#indexByKey ??= indexByKey(this.#parts);
    const index = this.#indexByKey.get(key);
    if (index === undefined) return undefined;
    const part = this.#parts[index];
    return part !== undefined && matches(part) ? { index, part } : this.findLast(matches);
  }

  /** The latest part that `matches`: a search through all of them, for what is rare. */
  findLast<Part extends MessagePart>(
    matches: (part: MessagePart) => part is Part,
  ): FoundPart<Part> | undefined {
    const index = this.#parts.findLastIndex(matches);
    return index === -1 ? undefined : { index, part: this.#parts[index] as Part };
  }

  /** Index of the first part of the current step. */
  get stepStart(): number {
    this.#stepStart ??= this.#parts.findLastIndex((part) => part.type === "step-start") + 1;
    return this.#stepStart;
  }

  /** Removes the parts of the current step; its `step-start` stays. */
  dropStep(): void {
    if (this.stepStart === this.#parts.length) return;
    this.#makeOwn();
    this.#parts.length = this.stepStart;
  }

  #makeOwn(): void {
    if (!this.#isHandedOut) return;
    this.#parts = this.#parts.slice();
    this.#isHandedOut = false;
  }
}

/** What a part is found by; `undefined` for parts that no later chunk refers to. */
export function partKey(part: MessagePart): string | undefined {
  if (part.type === "text" || part.type === "reasoning") return `${part.type}:${part.id}`;
  if (isToolPart(part)) return `tool:${part.toolCallId}`;
  if (isDataPart(part) && part.id !== undefined) return `${part.type}:${part.id}`;
  return undefined;
}

function indexByKey(parts: readonly MessagePart[]): Map<string, number> {
  const index = new Map<string, number>();
  for (const [at, part] of parts.entries()) {
    const key = partKey(part);
    if (key !== undefined) index.set(key, at);
  }
  return index;
}
