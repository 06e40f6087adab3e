import { WebSocket } from "ws";
import { type Scenario, type SubjectName, sharedNowMs, tokenAgesMs } from "./scenario.ts";

/** One who watches: counts tokens, whatever the protocol wraps them in, and notes how old they are. */
export interface Viewer {
  /** Resolves when the server has taken it. */
  readonly ready: Promise<void>;
  readonly agesMs: number[];
  frameCount(): number;
  /** Asks for the answer, where that is a viewer's part. */
  begin(scenario: Scenario): void;
  close(): void;
}

export function watch(subject: SubjectName, url: string, channel: string, viewerId: string): Viewer {
  const isTachikoma = subject.startsWith("tachikoma");
  const separator = url.includes("?") ? "&" : "?";
  const query = isTachikoma ? `client_id=${viewerId}` : `channel=${channel}`;
  const socket = new WebSocket(`${url}${separator}${query}`, { perMessageDeflate: false });
  const agesMs: number[] = [];
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  let frameCount = 0;
  socket.on("error", reject);
  if (subject === "ws") socket.on("open", () => resolve());
  socket.on("message", (bytes: Buffer) => {
    const text = bytes.toString();
    const message = subject === "socket.io" ? readSocketIo(socket, text, resolve) : JSON.parse(text);
    if (message === undefined) return;
    if (message.type === "welcome") socket.send(JSON.stringify({ type: "subscribe", id: "s", channel }));
    if (message.type === "subscribed") resolve();
    if (message.type === "error") reject(new Error(text));
    if (message.chunk?.type !== "text-delta") return;
    frameCount += 1;
    agesMs.push(...tokenAgesMs(message.chunk.delta, sharedNowMs()));
  });
  return {
    ready,
    agesMs,
    frameCount: () => frameCount,
    begin: (scenario) => {
      if (!isTachikoma) return;
      socket.send(JSON.stringify({ type: "execute", id: "e", handler: "answer", channel, input: scenario }));
    },
    close: () => socket.terminate(),
  };
}

/** As much of Engine.IO 4 and Socket.IO 5 as a viewer needs: open, connect, ping, event. */
function readSocketIo(socket: WebSocket, text: string, connected: () => void) {
  if (text.startsWith("0")) socket.send("40");
  if (text.startsWith("40")) connected();
  if (text === "2") socket.send("3");
  return text.startsWith("42") ? JSON.parse(text.slice(2))[1] : undefined;
}
