import type { ClientMessage } from "@tachikoma/protocol";
import type { Connection } from "../connection/connection.ts";
import { presence, publish, signal } from "./channel-verbs.ts";
import { acknowledge, authenticate, custom, ping } from "./connection-verbs.ts";
import { cancel, execute, input } from "./execution-verbs.ts";
import { subscribe, unsubscribe } from "./subscription-verbs.ts";

/**
 * Runs one message. The promise is the part of it that must be over before the next message of this connection begins;
 * `undefined` where there is none.
 */
export function dispatch(connection: Connection, message: ClientMessage): Promise<void> | undefined {
  if (!connection.door.accepts(message.type)) {
    const ref = "id" in message ? message.id : undefined;
    connection.sendError("INVALID_MESSAGE", `This address does not take ${message.type} now`, ref);
    return undefined;
  }
  switch (message.type) {
    case "ping":
      return ping(connection, message);
    case "ack":
      return acknowledge(connection, message);
    case "auth":
      return authenticate(connection, message);
    case "custom":
      return custom(connection, message);
    case "subscribe":
      return subscribe(connection, message);
    case "unsubscribe":
      return unsubscribe(connection, message);
    case "publish":
      return publish(connection, message);
    case "signal":
      return signal(connection, message);
    case "presence":
      return presence(connection, message);
    case "execute":
      return execute(connection, message);
    case "cancel":
      return cancel(connection, message);
    case "input":
      return input(connection, message);
  }
}
