import { type ClientMessageOf, TachikomaError } from "@tachikoma/protocol";
import type { Connection } from "../connection/connection.ts";

export function ping(connection: Connection, message: ClientMessageOf<"ping">): undefined {
  connection.send({ type: "pong", ...refOf(message) });
}

export function acknowledge(connection: Connection, message: ClientMessageOf<"ack">): undefined {
  connection.background(connection.subscriptions.acknowledge(message.positions));
}

/** Ordered: what follows a fresh credential is judged by it. */
export async function authenticate(connection: Connection, message: ClientMessageOf<"auth">): Promise<void> {
  const renewed = await connection.context
    .reauthenticate(message.token, connection.identity)
    .catch(() => undefined);
  if (connection.isClosed) return;
  if (renewed === undefined) {
    connection.sendError("UNAUTHORIZED", "Unauthorized", message.id);
    connection.close("UNAUTHORIZED");
    return;
  }
  connection.renew(renewed);
  connection.send({ type: "authenticated", ...refOf(message) });
}

export function custom(connection: Connection, message: ClientMessageOf<"custom">): undefined {
  connection.background(answerCustom(connection, message), message.id);
}

async function answerCustom(connection: Connection, message: ClientMessageOf<"custom">): Promise<void> {
  const { onCustom } = connection.context;
  if (onCustom === undefined) {
    throw new TachikomaError("NOT_FOUND", `There is no custom action ${JSON.stringify(message.action)}`);
  }
  const { identity } = connection;
  const payload = await onCustom({ identity, action: message.action, payload: message.payload });
  connection.send({ type: "custom", action: message.action, payload: payload ?? null, ...refOf(message) });
}

export function refOf(message: { readonly id?: string | undefined }): { ref?: string } {
  return message.id === undefined ? {} : { ref: message.id };
}
