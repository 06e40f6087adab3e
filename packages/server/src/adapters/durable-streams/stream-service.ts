/** What can be done with streams, without HTTP: create, append, close, look, delete. Permission is the caller's part. */
import type { Position } from "@tachikoma/protocol";
import type { LogHub } from "../../core/log/log-hub.ts";
import type { Clock, Random } from "../../core/ports.ts";
import type { Store } from "../../stores/store.ts";
import { type AppendAsked, type AppendDecision, type AppendLimits, decideAppend } from "./append-decision.ts";
import { forkPoint, inheritedBy, isSameFork } from "./fork-point.ts";
import { formatOffset } from "./offset.ts";
import type { Piece } from "./record-codec.ts";
import { StreamContent } from "./stream-content.ts";
import { conflict, gone, notFound } from "./stream-fault.ts";
import { DEFAULT_CONTENT_TYPE, type ForkRequest, type Lifetime, mediaTypeOf } from "./stream-headers.ts";
import { StreamLife } from "./stream-life.ts";
import { type Changed, type Draft, type Loaded, StreamLogs, type StreamName } from "./stream-logs.ts";
import { isAbsent, type StreamConfig, type StreamState } from "./stream-state.ts";

export interface StreamServiceOptions {
  readonly hub: LogHub;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly nodeId: string;
  readonly limits: AppendLimits;
}

export interface CreateRequest {
  readonly contentType: string | undefined;
  readonly lifetime: Lifetime;
  readonly isClosed: boolean;
  /** With the path of the source, which is allowed to be read. */
  readonly fork: (ForkRequest & { readonly sourcePath: string }) | undefined;
  /** What it begins with, as its content type has it. @throws StreamFault 400, 413 */
  readonly pieces: (contentType: string) => readonly Piece[];
}

/** A stream that is there, and where its log ended then. */
export interface Present {
  readonly state: StreamState;
  readonly head: Position;
}

export interface Created {
  readonly state: StreamState;
  readonly isNew: boolean;
}

export interface AppendRequest extends AppendAsked {
  readonly pieces: readonly Piece[];
}

export interface Appended {
  readonly decision: AppendDecision;
  readonly state: StreamState;
}

const LIFE_CHARS = 12;
const MAX_FORKS = 1_000;
/** A fork that was announced and is not there after this long never will be. */
const FORK_GRACE_MS = 60_000;

export class StreamService {
  readonly content: StreamContent;
  readonly #options: StreamServiceOptions;
  readonly #logs: StreamLogs;
  readonly #life: StreamLife;

  constructor(options: StreamServiceOptions) {
    this.#options = options;
    this.content = new StreamContent(options.hub);
    this.#logs = new StreamLogs(options);
    this.#life = new StreamLife(options);
  }

  /** A look does not make a stream last longer. @throws StreamFault 404, 410 */
  async look(name: StreamName): Promise<Present> {
    const { state, head } = await this.#current(name);
    return { state: present(state), head: head! };
  }

  /** @throws StreamFault 404, 410 */
  async use(name: StreamName): Promise<Present> {
    const found = await this.look(name);
    const { config } = found.state;
    if (await this.#life.use(name, config)) return found;
    await this.#end(name, config.life);
    throw notFound();
  }

  /** @throws StreamFault 400, 404, 409, 410 */
  async create(name: StreamName, request: CreateRequest): Promise<Created> {
    const { state: existing } = await this.#current(name);
    if (!isAbsent(existing)) return { state: sameStream(existing, request), isNew: false };
    return request.fork === undefined
      ? this.#createPlain(name, request)
      : this.#createFork(name, request, request.fork);
  }

  /** @throws StreamFault 400, 403, 404, 409, 410, 413 */
  async append(name: StreamName, request: AppendRequest): Promise<Appended> {
    // One that does not end by itself needs no look at the time, and its state is looked at where it is changed.
    const known = this.#logs.remembered(name);
    if (known === undefined || isEnding(known.config)) await this.use(name);
    const { producer, streamSeq, isClosing, byteCount, pieces } = request;
    const { answer, state } = await this.#logs.change(name, {
      byteCount,
      decide: ({ state: found }, nowMs) => {
        const decision = decideAppend(present(found), request, nowMs, this.#options.limits);
        if (decision !== "append") return { answer: decision };
        const delta = {
          ...(producer && { producer }),
          ...(streamSeq !== undefined && { streamSeq }),
          ...(isClosing && { close: true as const }),
        };
        const isEmpty = Object.keys(delta).length === 0;
        return { draft: { pieces, ...(isEmpty ? {} : { delta }) }, answer: decision };
      },
    });
    // By now another stream may be here, and this one counts its time.
    if (known !== undefined && !isEnding(known.config)) await this.#life.use(name, state!.config);
    return { decision: answer, state: state! };
  }

  /** @throws StreamFault 404, 410 */
  async delete(name: StreamName): Promise<void> {
    const { state } = await this.look(name);
    await this.#forgetLostForks(name, state);
    await this.#delete(name, state.config.life);
  }

  /** Deletes some of those whose time is over. */
  async endSome(limit: number): Promise<void> {
    for (const ended of await this.#life.takeEnded(limit)) await this.#end(ended, ended.life);
  }

  /** The stream as it is, its end included where its time is over. */
  async #current(name: StreamName): Promise<Loaded> {
    const loaded = await this.#logs.load(name);
    const { state } = loaded;
    if (state === undefined || state.isDeleted || !(await this.#life.isOver(name, state.config)))
      return loaded;
    await this.#end(name, state.config.life);
    return this.#logs.load(name);
  }

  async #createPlain(name: StreamName, request: CreateRequest): Promise<Created> {
    const { contentType = DEFAULT_CONTENT_TYPE, lifetime, isClosed } = request;
    const pieces = request.pieces(contentType);
    const config: StreamConfig = { life: this.#newLife(), contentType, ...lifetime };
    return this.#store(name, request, { create: { ...emptyState(config), isClosed }, pieces });
  }

  /**
   * First the source is told, so that it keeps what the fork refers to; where the fork then cannot be made it is told again, and
   * where nobody is left to do that, the source finds out by itself.
   */
  async #createFork(
    name: StreamName,
    request: CreateRequest,
    asked: NonNullable<CreateRequest["fork"]>,
  ): Promise<Created> {
    const sourceName = { tenant: name.tenant, path: asked.sourcePath };
    const source = forkable((await this.#current(sourceName)).state);
    const { contentType = source.config.contentType } = request;
    if (mediaTypeOf(contentType) !== mediaTypeOf(source.config.contentType)) {
      throw conflict(`The source is ${source.config.contentType}, what was asked for is ${contentType}`);
    }
    const own = request.pieces(contentType);
    const { point, copied } = await forkPoint(this.content, sourceName, source, asked);
    const inherited = inheritedBy(sourceName.path, source, point);
    const life = this.#newLife();
    const origin = {
      path: sourceName.path,
      life: source.config.life,
      askedOffset: asked.offset,
      offset: formatOffset(point),
      subOffset: asked.subOffset,
    };
    const lifetime = isEnding(request.lifetime) ? request.lifetime : lifetimeOf(source.config);
    const config: StreamConfig = { life, contentType, ...lifetime, forkedFrom: origin };
    await this.#addFork(sourceName, source.config.life, { life, path: name.path });
    const create = {
      ...emptyState(config),
      isClosed: request.isClosed,
      inherited,
      seqBase: point.seq,
      start: source.start,
      tail: point,
    };
    const pieces = [...copied, ...own];
    try {
      const created = await this.#store(name, request, { create, pieces });
      if (!created.isNew) await this.#dropForks(sourceName, [life]);
      return created;
    } catch (cause) {
      await this.#dropForks(sourceName, [life]).catch(() => undefined);
      throw cause;
    }
  }

  /** Stores a stream that begins, unless somebody else was faster. */
  async #store(name: StreamName, request: CreateRequest, draft: Draft): Promise<Created> {
    const { config } = draft.create!;
    await this.#life.begin(name, config);
    const byteCount = draft.pieces!.reduce((sum, piece) => sum + piece.byteCount, 0);
    let made: Changed<"made" | StreamState>;
    try {
      made = await this.#logs.change<"made" | StreamState>(name, {
        byteCount,
        decide: ({ state }) =>
          isAbsent(state) ? { draft, answer: "made" } : { answer: sameStream(state, request) },
      });
    } catch (cause) {
      await this.#life.forget(name, config).catch(() => undefined);
      throw cause;
    }
    if (made.answer === "made") return { state: made.state!, isNew: true };
    await this.#life.forget(name, config);
    return { state: made.answer, isNew: false };
  }

  async #addFork(
    source: StreamName,
    sourceLife: string,
    fork: { life: string; path: string },
  ): Promise<void> {
    await this.#logs.change(source, {
      byteCount: 0,
      decide: ({ state }) => {
        const found = forkable(state);
        if (found.config.life !== sourceLife) throw notFound();
        if (found.forks.size >= MAX_FORKS) throw conflict(`The stream has ${MAX_FORKS} forks, its limit`);
        return { draft: { delta: { addFork: fork } }, answer: undefined };
      },
    });
  }

  /** Lets go of what the forks referred to. What is deleted and let go by all is gone, and lets its own source go. */
  async #dropForks(name: StreamName, lives: readonly string[]): Promise<void> {
    const { answer } = await this.#logs.change<StreamState | undefined>(name, {
      byteCount: 0,
      decide: ({ state }) => {
        const known = lives.filter((life) => state?.forks.has(life));
        if (state === undefined || known.length === 0) return { answer: undefined };
        const isLast = state.isDeleted && known.length === state.forks.size;
        return { draft: { delta: { dropForks: known } }, answer: isLast ? state : undefined };
      },
    });
    if (answer !== undefined) await this.#letSourceGo(name, answer);
  }

  async #letSourceGo({ tenant }: StreamName, { config }: StreamState): Promise<void> {
    const { forkedFrom, life } = config;
    if (forkedFrom !== undefined) await this.#dropForks({ tenant, path: forkedFrom.path }, [life]);
  }

  /** Deletes the stream of this life, if it still is there. */
  async #delete(name: StreamName, life: string): Promise<void> {
    const { answer } = await this.#logs.change<StreamState | undefined>(name, {
      byteCount: 0,
      decide: ({ state }) =>
        isThere(state, life) ? { draft: { delta: { delete: true } }, answer: state } : { answer: undefined },
    });
    if (answer === undefined) return;
    await this.#life.forget(name, answer.config);
    if (answer.forks.size === 0) await this.#letSourceGo(name, answer);
  }

  async #end(name: StreamName, life: string): Promise<void> {
    await this.#delete(name, life);
    await this.#life.forget(name, { life });
  }

  /** Forks that were announced and never made, or whose end could not be told. */
  async #forgetLostForks(name: StreamName, state: StreamState): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const lost: string[] = [];
    for (const [life, { path, atMs }] of state.forks) {
      if (atMs + FORK_GRACE_MS > nowMs) continue;
      const { state: fork } = await this.#logs.load({ tenant: name.tenant, path });
      if (isAbsent(fork) || fork.config.life !== life) lost.push(life);
    }
    if (lost.length > 0) await this.#dropForks(name, lost);
  }

  #newLife(): string {
    return this.#options.random.id(LIFE_CHARS);
  }
}

function emptyState(config: StreamConfig): NonNullable<Draft["create"]> {
  return {
    config,
    seqBase: 0,
    inherited: [],
    isClosed: false,
    isDeleted: false,
    producers: new Map(),
    forks: new Map(),
  };
}

function isEnding({ ttlSecs, expiresAt }: Lifetime): boolean {
  return ttlSecs !== undefined || expiresAt !== undefined;
}

function lifetimeOf({ ttlSecs, expiresAt }: StreamConfig): Lifetime {
  return { ...(ttlSecs !== undefined && { ttlSecs }), ...(expiresAt !== undefined && { expiresAt }) };
}

function isThere(state: Loaded["state"], life: string): state is StreamState {
  return state !== undefined && !state.isDeleted && state.config.life === life;
}

/** @throws StreamFault 404, 410 */
function present(state: StreamState | undefined): StreamState {
  if (isAbsent(state)) throw notFound();
  if (state.isDeleted) throw gone("The stream was deleted; forks still read what it held");
  return state;
}

/** @throws StreamFault 404, 409 */
function forkable(state: StreamState | undefined): StreamState {
  if (isAbsent(state)) throw notFound();
  if (state.isDeleted) throw conflict("The source was deleted");
  return state;
}

/** The stream that is there, if it is the one that is asked for. @throws StreamFault 409 */
function sameStream(
  state: StreamState,
  { contentType, lifetime, isClosed, fork }: CreateRequest,
): StreamState {
  if (state.isDeleted) throw conflict("A deleted stream is here, of which forks still read");
  const { config } = state;
  const isInheriting = fork !== undefined && !isEnding(lifetime);
  const isSame =
    (fork === undefined
      ? config.forkedFrom === undefined
      : isSameFork(config.forkedFrom, fork.sourcePath, fork)) &&
    (fork !== undefined && contentType === undefined
      ? true
      : mediaTypeOf(contentType ?? DEFAULT_CONTENT_TYPE) === mediaTypeOf(config.contentType)) &&
    (isInheriting || (lifetime.ttlSecs === config.ttlSecs && momentOf(lifetime) === momentOf(config))) &&
    state.isClosed === isClosed;
  if (isSame) return state;
  throw conflict("A stream with another configuration is here");
}

function momentOf({ expiresAt }: Lifetime): number | undefined {
  return expiresAt === undefined ? undefined : Date.parse(expiresAt);
}
