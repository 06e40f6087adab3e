/**
 * Notices that a connection broke right after the end of an answer was handed to it. What was handed over may then never have arrived.
 * A connection that is closed in an orderly way, or goes on to another request, has taken it.
 */
import type { Socket } from "node:net";

type OnCut = () => void;

/** What is in doubt on each connection: the last answer that ended there. */
const inDoubt = new WeakMap<Socket, OnCut>();
const watched = new WeakSet<Socket>();

export function watchForLateCut(socket: Socket, onCut: OnCut): void {
  if (socket.destroyed) return;
  inDoubt.set(socket, onCut);
  if (watched.has(socket)) return;
  watched.add(socket);
  socket.once("close", (isBroken: boolean) => {
    if (isBroken) inDoubt.get(socket)?.();
  });
}

/** The connection has brought another request: whoever sent it has read what came before. */
export function noteNextRequest(socket: Socket): void {
  inDoubt.delete(socket);
}
