import {
  type ClientMessageOf,
  channelIdOf,
  channelNameFault,
  formatPosition,
  TachikomaError,
} from "@tachikoma/protocol";
import type { Connection } from "../connection/connection.ts";
import type { ResumePlace } from "../resume-place.ts";
import { isInbox } from "../session/inbox.ts";
import { refOf } from "./connection-verbs.ts";
import { whenAllowed } from "./permission.ts";

type Subscribe = ClientMessageOf<"subscribe">;

export function subscribe(connection: Connection, message: Subscribe): Promise<void> | undefined {
  const { channel } = message;
  if (isInbox(channel)) return repositionInbox(connection, message);
  const fault = channelNameFault(channel);
  if (fault !== undefined) {
    connection.sendError("INVALID_CHANNEL", fault, message.id);
    return undefined;
  }
  return whenAllowed(connection, "subscribe", channel, message.id, () => {
    connection.background(
      inChannelOrder(connection, channel, () => answerSubscribe(connection, message)),
      message.id,
    );
  });
}

export function unsubscribe(
  connection: Connection,
  message: ClientMessageOf<"unsubscribe">,
): Promise<void> | undefined {
  const { channel } = message;
  connection.background(
    inChannelOrder(connection, channel, async () => {
      const unsubscribing = connection.subscriptions.unsubscribe(channel);
      // Nothing is delivered any more, whether that can be stored or not.
      const { presence } = connection.context;
      presence.leave({ tenant: connection.identity.tenant, channel }, connection);
      const isKnown = await unsubscribing;
      if (!isKnown) throw new TachikomaError("NOT_SUBSCRIBED", `There is no subscription to ${channel}`);
      connection.send({ type: "unsubscribed", channel, ...refOf(message) });
    }),
    message.id,
  );
  return undefined;
}

/** A session follows its own inboxes always; all that can be asked for is another place to go on from. */
function repositionInbox(connection: Connection, message: Subscribe): undefined {
  const { channel } = message;
  if (connection.subscriptions.get(channel) === undefined || message.position === undefined) {
    connection.sendError("FORBIDDEN", `Not allowed to subscribe in ${channel}`, message.id);
    return undefined;
  }
  connection.background(
    inChannelOrder(connection, channel, () => answerSubscribe(connection, message)),
    message.id,
  );
  return undefined;
}

async function answerSubscribe(connection: Connection, message: Subscribe): Promise<void> {
  const { channel } = message;
  const { context, identity, subscriptions } = connection;
  const config = context.namespaces.configOf(channel);
  const place = await subscriptions.prepare(channel, message);
  // After the position, so that nothing can fall between the two.
  const state = await config.initialState?.({ identity, channel, id: channelIdOf(channel) });
  const cursor = await subscriptions.activate(channel, place.from);
  if (cursor === undefined || connection.isClosed) return;
  const position = formatPosition(place.from);
  connection.send({
    type: "subscribed",
    channel,
    position,
    recovered: place.resetReason === undefined,
    ...(place.resetReason === undefined ? {} : { reason: place.resetReason }),
    ...(state === undefined ? {} : { initialState: state }),
    ...refOf(message),
  });
  sayReset(connection, channel, place);
  context.presence.show({ tenant: identity.tenant, channel }, connection);
  subscriptions.begin(cursor);
}

function sayReset(connection: Connection, channel: string, place: ResumePlace): void {
  if (place.resetReason === undefined) return;
  connection.context.observer.resetSent(place.resetReason);
  connection.send({
    type: "reset",
    channel,
    reason: place.resetReason,
    position: formatPosition(place.from),
  });
}

/** Requests for one channel are carried out one after the other; other channels do not wait for them. */
export function inChannelOrder<T>(
  connection: Connection,
  channel: string,
  task: () => Promise<T>,
): Promise<T> {
  const { channelOrder } = connection;
  const before = channelOrder.get(channel);
  // The first task starts in this turn: it takes its place before the next message does.
  const current = before === undefined ? task() : before.then(task, task);
  channelOrder.set(channel, current);
  const forget = () => {
    if (channelOrder.get(channel) === current) channelOrder.delete(channel);
  };
  current.then(forget, forget);
  return current;
}
