/** Our own protocol: `/ws` for sessions, `/ws/stream` for one execution. */
import { type Door, sessionDoor, streamDoor } from "../../core/connection/door-policy.ts";
import { admitSession } from "../admitted-place.ts";
import type { Guest } from "../entrance.ts";
import type { Seat, SocketProtocol } from "./socket-protocol.ts";

export const sessionProtocols: readonly SocketProtocol[] = [
  {
    path: "/ws",
    admit: (guest) => admit(guest, sessionDoor, guest.url.searchParams.get("positions") === "client"),
  },
  // A stream is for clients that keep nothing: they get the rest from where the server knows them to be.
  { path: "/ws/stream", admit: (guest) => admit(guest, streamDoor(), false) },
];

async function admit(guest: Guest, door: Door, arePositionsFromClient: boolean): Promise<Seat> {
  const place = await admitSession(guest);
  return {
    ...place,
    use: (options) => guest.core.connect(place.admitted, { ...options, door, arePositionsFromClient }),
  };
}
