/** GET: what is there, what comes while one waits, and what comes from now on as events. */
import { type Position, TachikomaError } from "@tachikoma/protocol";
import type { Clock, Random } from "../../core/ports.ts";
import type { Requests } from "../../core/requests/requests.ts";
import type { RouteResponse, StreamResponse, WholeResponse } from "../../gateway/http/route.ts";
import { nextCursor } from "./collapse-cursor.ts";
import { CLOSED, CURSOR, NEXT_OFFSET, SECURITY_HEADERS, SSE_ENCODING, UP_TO_DATE } from "./header-names.ts";
import { formatOffset, isSameOffset, type Offset, type OffsetRequest } from "./offset.ts";
import { joinContents } from "./page-body.ts";
import { controlEvent, dataEvent } from "./sse-event.ts";
import type { Page } from "./stream-content.ts";
import { gone } from "./stream-fault.ts";
import { isTextual } from "./stream-headers.ts";
import { keyOf, type StreamName } from "./stream-logs.ts";
import type { StreamService } from "./stream-service.ts";
import type { StreamState } from "./stream-state.ts";
import { StreamWatch } from "./stream-watch.ts";

export interface StreamReadsOptions {
  readonly service: StreamService;
  readonly requests: Requests;
  readonly clock: Clock;
  readonly random: Random;
  readonly longPollMs: number;
  readonly sseMs: number;
  readonly maxLiveReads: number;
  /** Who may keep what was read: every cache on the way, or that of the reader only. */
  readonly cache: "public" | "private";
}

export interface ReadRequest {
  readonly name: StreamName;
  readonly offset: OffsetRequest;
  readonly cursor: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** Aborted when nobody waits for the answer. */
  readonly signal: AbortSignal;
}

const SSE_KEEP_ALIVE = { text: ": keep-alive\n\n", everyMs: 15_000 };

export class StreamReads {
  readonly #options: StreamReadsOptions;
  readonly #stop = new AbortController();
  #liveCount = 0;

  constructor(options: StreamReadsOptions) {
    this.#options = options;
  }

  /** Ends all that wait: they come again, to another node or after the start. */
  stop(): void {
    this.#stop.abort();
  }

  async catchUp({ name, offset, ifNoneMatch }: ReadRequest): Promise<RouteResponse> {
    const { service } = this.#options;
    const { state } = await service.use(name);
    const from = await service.content.resolve(name, state, offset);
    if (offset.kind === "now") {
      const headers = { ...placeHeaders(state, from), "cache-control": "no-store" };
      return this.#bodyResponse(state, [], headers);
    }
    const page = await service.content.page(name, state, from);
    const headers = { ...placeHeaders(state, page.end), ...this.#cacheHeaders(state, from, page.end) };
    if (isMatching(ifNoneMatch, headers.etag)) {
      return { status: 304, headers: { ...SECURITY_HEADERS, ...headers } };
    }
    return this.#bodyResponse(state, page.contents, headers);
  }

  async longPoll(request: ReadRequest): Promise<RouteResponse> {
    const { clock, longPollMs } = this.#options;
    const untilMs = clock.monotonicMs() + longPollMs;
    return this.#live(async () => {
      for await (const { state, page, from } of this.#turns(request, untilMs)) {
        const cursor: Record<string, string> = state.isClosed ? {} : { [CURSOR]: this.#cursor(request) };
        if (page.contents.length > 0) {
          const headers = { ...placeHeaders(state, page.end), ...this.#cacheHeaders(state, from, page.end) };
          return this.#bodyResponse(state, page.contents, { ...headers, ...cursor });
        }
        if (state.isClosed || this.#isOver(request, untilMs)) {
          const headers = { ...SECURITY_HEADERS, ...placeHeaders(state, page.end), ...cursor };
          return { status: 204, headers };
        }
      }
      throw new TachikomaError("STORE_UNAVAILABLE", "The stream cannot be watched any more");
    });
  }

  async events(request: ReadRequest): Promise<StreamResponse> {
    const { service, clock, sseMs } = this.#options;
    const { state } = await service.use(request.name);
    // What is wrong with the place is told before there is anything to read.
    const from = await service.content.resolve(request.name, state, request.offset);
    this.#checkLiveCount();
    const { contentType } = state.config;
    const encoding: Record<string, string> = isTextual(contentType) ? {} : { [SSE_ENCODING]: "base64" };
    return {
      status: 200,
      headers: {
        ...SECURITY_HEADERS,
        "content-type": "text/event-stream",
        "cache-control": "no-cache, no-store",
        ...encoding,
      },
      stream: this.#eventTexts(request, from, clock.monotonicMs() + sseMs),
      keepAlive: SSE_KEEP_ALIVE,
    };
  }

  async *#eventTexts(request: ReadRequest, from: Offset, untilMs: number): AsyncGenerator<string> {
    this.#liveCount += 1;
    try {
      let isFirst = true;
      const resumed: ReadRequest = { ...request, offset: { kind: "at", ...from } };
      for await (const { state, page } of this.#turns(resumed, untilMs)) {
        const { contentType } = state.config;
        const hasContent = page.contents.length > 0;
        const isEnd = state.isClosed && isSameOffset(page.end, state.tail);
        if (hasContent || isFirst || isEnd) {
          const control = controlEvent(this.#control(request, state, page.end, isEnd));
          yield hasContent ? dataEvent(page.contents, contentType) + control : control;
        }
        if (isEnd) return;
        isFirst = false;
      }
    } finally {
      this.#liveCount -= 1;
    }
  }

  #control(request: ReadRequest, { tail }: StreamState, end: Offset, isEnd: boolean) {
    return {
      streamNextOffset: formatOffset(end),
      ...(isEnd ? {} : { streamCursor: this.#cursor(request) }),
      ...(isSameOffset(end, tail) ? { upToDate: true as const } : {}),
      ...(isEnd ? { streamClosed: true as const } : {}),
    };
  }

  /**
   * The stream with what comes next, at once and then each time that something came, or that time has passed. Where nothing more
   * is there it waits. Ends when the time is over or nobody waits; once more after it, for what to say at the end.
   */
  async *#turns(
    { name, offset, signal }: ReadRequest,
    untilMs: number,
  ): AsyncGenerator<{ state: StreamState; page: Page; from: Offset }> {
    const { service, clock } = this.#options;
    const ends = AbortSignal.any([signal, this.#stop.signal]);
    let from: Offset | undefined;
    let life: string | undefined;
    let watch: StreamWatch | undefined;
    try {
      for (let isLast = false; ; ) {
        const { state, head } = await service.use(name);
        life ??= state.config.life;
        if (life !== state.config.life)
          throw gone("Another stream has taken the place of the one that was read");
        from ??= await service.content.resolve(name, state, offset);
        const page = await service.content.page(name, state, from);
        yield { state, page, from };
        from = page.end;
        if (isLast || ends.aborted) return;
        if (page.contents.length > 0) continue;
        if (watch === undefined) {
          watch = await this.#watch(name, ends);
          // What came before it was opened it does not tell.
          continue;
        }
        await this.#wait(watch, state, head, untilMs);
        isLast = ends.aborted || clock.monotonicMs() >= untilMs;
      }
    } finally {
      watch?.close();
    }
  }

  /** A stream that is read live is used, also where nothing comes. */
  async #wait(watch: StreamWatch, { config }: StreamState, head: Position, untilMs: number): Promise<void> {
    const remainingMs = untilMs - this.#options.clock.monotonicMs();
    const useMs = config.ttlSecs === undefined ? remainingMs : Math.max(100, config.ttlSecs * 500);
    await watch.hasNews(head, Math.min(remainingMs, useMs));
  }

  async #watch(name: StreamName, signal: AbortSignal): Promise<StreamWatch> {
    const { requests, clock } = this.#options;
    const { reader } = await requests.follow(keyOf(name), {});
    return new StreamWatch(reader, clock, signal);
  }

  #isOver({ signal }: ReadRequest, untilMs: number): boolean {
    return signal.aborted || this.#stop.signal.aborted || this.#options.clock.monotonicMs() >= untilMs;
  }

  async #live(read: () => Promise<WholeResponse>): Promise<WholeResponse> {
    this.#checkLiveCount();
    this.#liveCount += 1;
    try {
      return await read();
    } finally {
      this.#liveCount -= 1;
    }
  }

  /** @throws SERVER_OVERLOADED */
  #checkLiveCount(): void {
    const { maxLiveReads } = this.#options;
    if (this.#liveCount < maxLiveReads) return;
    throw new TachikomaError(
      "SERVER_OVERLOADED",
      `${maxLiveReads} live reads of streams are under way, the limit`,
    );
  }

  #bodyResponse(
    { config }: StreamState,
    contents: readonly Buffer[],
    headers: Readonly<Record<string, string>>,
  ): WholeResponse {
    const { contentType } = config;
    return {
      status: 200,
      headers: { ...SECURITY_HEADERS, "content-type": contentType, ...headers },
      body: joinContents(contents, contentType),
    };
  }

  /** What lies before the end never changes; what reaches to the end may have grown by the next time. */
  #cacheHeaders({ config, isClosed, tail }: StreamState, from: Offset, end: Offset) {
    const isEnd = isSameOffset(end, tail);
    const closed = isClosed && isEnd ? ":c" : "";
    const { cache } = this.#options;
    return {
      etag: `"${config.life}:${formatOffset(from)}:${formatOffset(end)}${closed}"`,
      "cache-control": isEnd ? `${cache}, no-cache` : `${cache}, max-age=60, stale-while-revalidate=300`,
    };
  }

  #cursor({ cursor }: ReadRequest): string {
    return nextCursor(cursor, this.#options.clock.nowMs(), this.#options.random);
  }
}

function placeHeaders({ tail, isClosed }: StreamState, end: Offset): Record<string, string> {
  const isEnd = isSameOffset(end, tail);
  return {
    [NEXT_OFFSET]: formatOffset(end),
    ...(isEnd ? { [UP_TO_DATE]: "true" } : {}),
    ...(isEnd && isClosed ? { [CLOSED]: "true" } : {}),
  };
}

function isMatching(ifNoneMatch: string | undefined, etag: string): boolean {
  return (ifNoneMatch ?? "").split(",").some((entry) => entry.trim().replace(/^W\//, "") === etag);
}
