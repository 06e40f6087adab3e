/** The server's side of the line to the benchmark: set-up and questions only, never during a measured window. */
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { plainMark } from "../mark.ts";

const LOOP_RESOLUTION_MS = 10;

export interface RunningServer {
  readonly port: number;
  connectionCount(): number;
  publish(channel: string, text: string): unknown;
}

export type Order =
  | { readonly order: "connection_count" }
  | { readonly order: "collect_garbage" }
  | { readonly order: "memory" }
  /** From now on, of sockets that are accepted from now on. */
  | { readonly order: "watch_sockets" }
  /** The most that waits in any one socket, now. */
  | { readonly order: "unsent_bytes" }
  | { readonly order: "watch_loop" }
  | { readonly order: "loop_delay_p99_ms" }
  | {
      readonly order: "publish_each";
      readonly channelCount: number;
      readonly firstIndex: number;
      readonly messageCount: number;
      readonly padChars: number;
    };

export interface MemorySample {
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** What the collector holds, used or not. */
  readonly heapTotalBytes: number;
  /** Buffers outside of the heap. */
  readonly externalBytes: number;
  /** Sockets, timers, pipes: whatever keeps the process alive. */
  readonly handleCount: number;
  readonly connectionCount: number;
}

export function channelName(index: number): string {
  return `bench:${index}`;
}

export function serve(server: RunningServer): void {
  process.on("message", (order: Order) => {
    void carryOut(server, order).then((answer) => process.send?.({ answer }));
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.({ answer: server.port });
}

const loopDelay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });

const sockets = new Set<Socket>();

function watchSockets(): void {
  subscribe("net.server.socket", (message) => {
    const { socket } = message as { readonly socket: Socket };
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
}

/** The kind that V8 keeps for when memory runs out: it gives back what a crowd at the door has left behind. */
const LAST_RESORT = { type: "major", execution: "sync", flavor: "last-resort" } as const;

function collectGarbage(): void {
  globalThis.gc?.(LAST_RESORT);
}

function memoryOf(server: RunningServer): MemorySample {
  collectGarbage();
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  return {
    rssBytes: rss,
    heapBytes: heapUsed,
    heapTotalBytes: heapTotal,
    externalBytes: external,
    handleCount: process.getActiveResourcesInfo().length,
    connectionCount: server.connectionCount(),
  };
}

async function carryOut(server: RunningServer, order: Order): Promise<number | MemorySample> {
  switch (order.order) {
    case "connection_count":
      return server.connectionCount();
    case "collect_garbage":
      collectGarbage();
      return 0;
    case "memory":
      return memoryOf(server);
    case "watch_sockets":
      watchSockets();
      return 0;
    case "unsent_bytes":
      return Math.max(0, ...Array.from(sockets, ({ writableLength }) => writableLength));
    case "watch_loop":
      loopDelay.reset();
      loopDelay.enable();
      return 0;
    case "loop_delay_p99_ms":
      return Math.max(0, loopDelay.percentile(99) / 1e6 - LOOP_RESOLUTION_MS);
    case "publish_each": {
      const { channelCount, firstIndex, messageCount, padChars } = order;
      for (let index = firstIndex; index < firstIndex + messageCount; index += 1) {
        const text = plainMark(index).padEnd(padChars, "x");
        const channels = Array.from({ length: channelCount }, (_, channel) => channelName(channel));
        await Promise.all(channels.map((channel) => server.publish(channel, text)));
      }
      return channelCount * messageCount;
    }
  }
}
