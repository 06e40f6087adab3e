import { type ClientMessageOf, encodeMessage, TachikomaError } from "@tachikoma/protocol";
import type { Connection } from "../connection/connection.ts";
import { publishMessage } from "../publish.ts";
import { whenAllowed } from "./permission.ts";
import { sendReceipt } from "./receipt.ts";

export function publish(
  connection: Connection,
  message: ClientMessageOf<"publish">,
): Promise<void> | undefined {
  const { channel, id } = message;
  const { identity, context } = connection;
  return whenAllowed(connection, "publish", channel, id, () => {
    const publishing = publishMessage(context, {
      tenant: identity.tenant,
      channel,
      data: message.data,
      sender: identity.clientId,
      commandId: id,
    });
    connection.background(
      sendReceipt(
        connection,
        id,
        publishing.then((position) => ({ status: "applied", position })),
      ),
    );
  });
}

/** Never logged, never repeated, and not for a connection that has no room. */
export function signal(
  connection: Connection,
  message: ClientMessageOf<"signal">,
): Promise<void> | undefined {
  const { channel } = message;
  return whenAllowed(connection, "signal", channel, undefined, () => {
    const { tenant, clientId } = connection.identity;
    const text = encodeMessage({ type: "signal", channel, data: message.data, sender: clientId });
    connection.context.signals.send({ tenant, channel }, text, connection);
  });
}

export function presence(
  connection: Connection,
  message: ClientMessageOf<"presence">,
): Promise<void> | undefined {
  const { channel, id } = message;
  return whenAllowed(connection, "presence", channel, id, () => {
    const { context, identity, session } = connection;
    if (!context.namespaces.configOf(channel).isPresenceEnabled) {
      const fault = new TachikomaError("FORBIDDEN", `Presence is not enabled in ${channel}`);
      return connection.sendFailure(fault, id);
    }
    if (connection.subscriptions.get(channel) === undefined) {
      const fault = new TachikomaError("NOT_SUBSCRIBED", `There is no subscription to ${channel}`);
      return connection.sendFailure(fault, id);
    }
    const key = { tenant: identity.tenant, channel };
    connection.background(context.presence.set(key, session, message.state), id);
  });
}
