/** Our own protocol: `/ws` for sessions, `/ws/stream` for one execution. */
import { type Door, sessionDoor, streamDoor } from "../../core/connection/door-policy.ts";
import { idParameter } from "../id-parameter.ts";
import type { Knock, Seat, SocketProtocol } from "./socket-protocol.ts";

export const sessionProtocols: readonly SocketProtocol[] = [
  {
    path: "/ws",
    admit: (knock) => admit(knock, sessionDoor, knock.url.searchParams.get("positions") === "client"),
  },
  // A stream is for clients that keep nothing: they get the rest from where the server knows them to be.
  { path: "/ws/stream", admit: (knock) => admit(knock, streamDoor(), false) },
];

async function admit(
  { core, credential, url, order }: Knock,
  door: Door,
  arePositionsFromClient: boolean,
): Promise<Seat> {
  const admitted = await core.admit({
    credential,
    clientId: idParameter(url, "client_id"),
    order,
    sessionId: idParameter(url, "session_id"),
  });
  return {
    isResumed: admitted.opened.isResumed,
    release: () => admitted.reservation.release(),
    use: (options) => core.connect(admitted, { ...options, door, arePositionsFromClient }),
  };
}
