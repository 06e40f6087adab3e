import { type ClientMessageOf, EXECUTION_NAMESPACE, formatPosition, namespaceOf } from "@tachikoma/protocol";
import type { Connection } from "../connection/connection.ts";
import { whenAllowed } from "./permission.ts";
import { type ReceiptBody, sendReceipt } from "./receipt.ts";
import { inChannelOrder } from "./subscription-verbs.ts";

export function execute(
  connection: Connection,
  message: ClientMessageOf<"execute">,
): Promise<void> | undefined {
  const { id } = message;
  const askedChannel = message.channel ?? `${EXECUTION_NAMESPACE}:new`;
  return whenAllowed(connection, "execute", askedChannel, id, () => {
    connection.background(sendReceipt(connection, id, startExecution(connection, message)));
  });
}

export function cancel(
  connection: Connection,
  message: ClientMessageOf<"cancel">,
): Promise<void> | undefined {
  return control(connection, message, (notify) =>
    connection.context.executions.cancel(commandOf(connection, message), notify),
  );
}

export function input(connection: Connection, message: ClientMessageOf<"input">): Promise<void> | undefined {
  return control(connection, message, (notify) =>
    connection.context.executions.input(commandOf(connection, message), message.data, notify),
  );
}

async function startExecution(
  connection: Connection,
  message: ClientMessageOf<"execute">,
): Promise<ReceiptBody> {
  const { context, identity } = connection;
  const claim = await context.executions.claim({
    tenant: identity.tenant,
    clientId: identity.clientId,
    commandId: message.id,
    handler: message.handler,
    channel: message.channel,
  });
  // Before it starts, so that its sender sees it from its first record.
  const position = await follow(connection, claim.channel);
  connection.door.onExecuted(claim.executionId);
  const starting = context.executions.start(claim, {
    identity,
    sessionId: connection.session.id,
    input: message.input,
    onUnwatched: message.onUnwatched ?? "keep",
  });
  const isRunning = await starting.catch(async (cause: unknown) => {
    // A private channel that will never have an end would hold its place for ever.
    const isPrivate = namespaceOf(claim.channel) === EXECUTION_NAMESPACE;
    if (position !== undefined && isPrivate) await connection.subscriptions.unsubscribe(claim.channel);
    throw cause;
  });
  if (position !== undefined && !isRunning) {
    // Asked for again after its end: nothing will come that could free its place.
    connection.subscriptions.noteEnd(claim.channel, Number.MAX_SAFE_INTEGER);
  }
  return {
    status: "accepted",
    executionId: claim.executionId,
    channel: claim.channel,
    ...(position === undefined ? {} : { position }),
  };
}

/** Subscribes the sender of an execution to its channel, unless it is there already or may not read it. */
async function follow(connection: Connection, channel: string): Promise<string | undefined> {
  const { subscriptions, context, identity } = connection;
  return inChannelOrder(connection, channel, async () => {
    if (subscriptions.get(channel) !== undefined) return undefined;
    if (!(await context.authorize(identity, "subscribe", channel))) return undefined;
    const place = await subscriptions.prepare(channel, {});
    const cursor = await subscriptions.activate(channel, place.from);
    if (cursor === undefined) return undefined;
    subscriptions.begin(cursor);
    return formatPosition(place.from);
  });
}

function commandOf(connection: Connection, message: { readonly id: string; readonly executionId: string }) {
  const { identity } = connection;
  return {
    tenant: identity.tenant,
    clientId: identity.clientId,
    commandId: message.id,
    executionId: message.executionId,
  };
}

/** Asks whether the sender may control the execution, then answers with each status that the command takes. */
function control(
  connection: Connection,
  message: ClientMessageOf<"cancel"> | ClientMessageOf<"input">,
  run: (notify: (receipt: ReceiptBody) => void) => Promise<ReceiptBody>,
): Promise<void> | undefined {
  const { executions } = connection.context;
  const { id } = message;
  const channel = executions.channelOf(connection.identity.tenant, message.executionId);
  const proceed = () => {
    const notify = (receipt: ReceiptBody) => connection.send({ type: "receipt", ref: id, ...receipt });
    connection.background(sendReceipt(connection, id, run(notify)));
  };
  if (channel !== undefined) return whenAllowed(connection, message.type, channel, id, proceed);
  if (connection.context.isStoreShared) return controlElsewhere(connection, message, proceed);
  // An execution that is not known here is answered as such, whoever asks: there is nothing to protect.
  proceed();
  return undefined;
}

/** It may run on another node, which the store knows. */
async function controlElsewhere(
  connection: Connection,
  message: ClientMessageOf<"cancel"> | ClientMessageOf<"input">,
  proceed: () => void,
): Promise<void> {
  const { executions } = connection.context;
  try {
    const channel = await executions.locate(connection.identity.tenant, message.executionId);
    if (connection.isClosed) return;
    if (channel === undefined) proceed();
    else await whenAllowed(connection, message.type, channel, message.id, proceed);
  } catch (cause) {
    connection.sendFailure(cause, message.id);
  }
}
