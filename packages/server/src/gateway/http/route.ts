import type { IncomingMessage } from "node:http";
import type { Identity } from "../../core/identity.ts";

/** A request that has come through the door. */
export interface RouteRequest {
  readonly incoming: IncomingMessage;
  readonly url: URL;
  readonly parameters: Readonly<Record<string, string>>;
  readonly identity: Identity;
  readonly maxBodyBytes: number;
}

export interface RouteResponse {
  readonly status: number;
  /** JSON text. */
  readonly json: string;
}
