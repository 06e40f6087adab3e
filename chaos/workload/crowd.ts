/** Many connections that want nothing but to be there. */
import { WebSocket } from "ws";
import { eventually } from "../../e2e/support/wait.ts";

const TIMEOUT_MS = 20_000;

export interface Crowd {
  /** Each of them has been let in, or not. */
  tried(): Promise<void>;
  readonly openCount: number;
  leave(): void;
}

export function crowd(port: number, size: number): Crowd {
  let openCount = 0;
  let refusedCount = 0;
  const sockets = Array.from({ length: size }, (_, index) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws?client_id=crowd-${index}`);
    let isOpen = false;
    socket.on("open", () => {
      isOpen = true;
      openCount += 1;
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (isOpen) openCount -= 1;
      else refusedCount += 1;
    });
    return socket;
  });
  return {
    tried: () =>
      eventually(
        TIMEOUT_MS,
        `${size} attempts to connect`,
        () => (openCount + refusedCount >= size ? true : undefined),
        () => `${openCount} open, ${refusedCount} refused`,
      ).then(() => {}),
    get openCount() {
      return openCount;
    },
    leave: () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}
