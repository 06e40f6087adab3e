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

interface Racer {
  readonly socket: WebSocket;
  code: number | undefined;
  isWelcome: boolean;
}

export async function raceForSession(ports: readonly number[]): Promise<RaceOutcome> {
  const first = new WebSocket(`ws://127.0.0.1:${ports[0]}/ws`);
  first.on("error", () => {});
  const [text] = await within(TIMEOUT_MS, "a welcome", once(first, "message"));
  const { session_id } = JSON.parse(String(text)) as { readonly session_id: string };
  first.terminate();
  const racers = ports.map((port): Racer => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws?session_id=${session_id}`);
    const racer: Racer = { socket, code: undefined, isWelcome: false };
    socket.on("error", () => {});
    socket.on("message", () => {
      racer.isWelcome = true;
    });
    socket.on("close", (code) => {
      racer.code = code;
    });
    return racer;
  });
  try {
    await eventually(
      TIMEOUT_MS,
      "the race to be decided",
      () =>
        (racers.filter(({ code }) => code !== undefined).length >= racers.length - 1 &&
          racers.every(({ code, isWelcome }) => code !== undefined || isWelcome)) ||
        undefined,
      () => racers.map(({ code, isWelcome }) => `${isWelcome} ${code}`).join("; "),
    );
    // One more answer from the winner: it was not closed behind its welcome.
    const winner = racers.find(({ code }) => code === undefined);
    if (winner !== undefined) {
      winner.socket.send(JSON.stringify({ type: "ping" }));
      await within(
        TIMEOUT_MS,
        "the winner's pong",
        Promise.race([once(winner.socket, "message"), once(winner.socket, "close")]),
      );
    }
    return {
      openCount: racers.filter(({ code }) => code === undefined).length,
      codes: racers.flatMap(({ code }) => (code === undefined ? [] : [code])),
    };
  } finally {
    for (const { socket } of racers) socket.terminate();
  }
}
