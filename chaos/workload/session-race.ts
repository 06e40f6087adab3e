/** Two connections that ask for the same session at the same time. */
import { once } from "node:events";
import { WebSocket } from "ws";
import { eventually, within } from "../../e2e/support/wait.ts";

export interface RaceOutcome {
  readonly openCount: number;
  /** Close codes of the connections that lost. */
  readonly codes: readonly number[];
}

const TIMEOUT_MS = 10_000;
const NO_CLOSE_FRAME = 1006;

interface Racer {
  readonly socket: WebSocket;
  code: number | undefined;
  isWelcome: boolean;
}

/** `undefined` when a connection was lost to something else meanwhile: then nobody can say who won. */
export async function raceForSession(ports: readonly number[]): Promise<RaceOutcome | undefined> {
  const sessionId = await freshSession(ports[0]!);
  if (sessionId === undefined) return undefined;
  const racers = ports.map((port) => racerFor(port, sessionId));
  try {
    await eventually(
      TIMEOUT_MS,
      "the race to be decided",
      () => isDecided(racers) || undefined,
      () => racers.map(({ code, isWelcome }) => `${isWelcome} ${code}`).join("; "),
    );
    const winner = racers.find(({ code }) => code === undefined);
    if (winner !== undefined) await hasPong(winner.socket);
    const codes = racers.flatMap(({ code }) => (code === undefined ? [] : [code]));
    if (codes.includes(NO_CLOSE_FRAME)) return undefined;
    return { openCount: racers.length - codes.length, codes };
  } finally {
    for (const { socket } of racers) socket.terminate();
  }
}

async function freshSession(port: number): Promise<string | undefined> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  try {
    const [text] = await within(TIMEOUT_MS, "a welcome", once(socket, "message"));
    return (JSON.parse(String(text)) as { readonly session_id: string }).session_id;
  } catch {
    return undefined;
  } finally {
    socket.on("error", () => {});
    socket.terminate();
  }
}

function racerFor(port: number, sessionId: string): Racer {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws?session_id=${sessionId}`);
  const racer: Racer = { socket, code: undefined, isWelcome: false };
  socket.on("error", () => {});
  socket.on("message", () => {
    racer.isWelcome = true;
  });
  socket.on("close", (code) => {
    racer.code = code;
  });
  return racer;
}

/** All but one are closed, and that one has been welcomed. */
function isDecided(racers: readonly Racer[]): boolean {
  const open = racers.filter(({ code }) => code === undefined);
  return open.length === 0 || (open.length === 1 && open[0]!.isWelcome);
}

/** One more answer: the winner was not closed behind its welcome. */
async function hasPong(socket: WebSocket): Promise<void> {
  socket.send(JSON.stringify({ type: "ping" }));
  const answered = Promise.race([once(socket, "message"), once(socket, "close")]).catch(() => {});
  await within(TIMEOUT_MS, "the winner's pong", answered);
}
