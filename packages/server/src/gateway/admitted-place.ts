import type { Admitted } from "../core/session-server.ts";
import type { Guest, Place } from "./entrance.ts";
import { idParameter } from "./id-parameter.ts";

/** The place of a connection of our own protocol, whatever it is carried by. */
export interface AdmittedPlace extends Place {
  readonly admitted: Admitted;
}

/** @throws what `SessionServer.admit` throws */
export async function admitSession({ core, credential, url, order }: Guest): Promise<AdmittedPlace> {
  const admitted = await core.admit({
    credential,
    clientId: idParameter(url, "client_id"),
    order,
    sessionId: idParameter(url, "session_id"),
  });
  return {
    admitted,
    isResumed: admitted.opened.isResumed,
    release: () => admitted.reservation.release(),
  };
}
