import type { TachikomaClient } from "../api.ts";

/** @throws TypeError while the provider has no client */
export function clientOf(client: TachikomaClient | undefined): TachikomaClient {
  if (client === undefined) throw new TypeError("The TachikomaProvider has no client yet");
  return client;
}
