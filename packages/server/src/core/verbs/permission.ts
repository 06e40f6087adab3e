import { TachikomaError } from "@tachikoma/protocol";
import type { Connection } from "../connection/connection.ts";
import type { Verb } from "../identity.ts";

/**
 * Goes on when the verb is allowed. Without an asynchronous hook all of it happens in the same turn, so that what a client
 * asked first also takes its place first.
 *
 * @returns what must be over before the next message: only the question itself
 */
export function whenAllowed(
  connection: Connection,
  verb: Verb,
  channel: string,
  ref: string | undefined,
  proceed: () => void,
): Promise<void> | undefined {
  const refuse = () =>
    connection.sendFailure(new TachikomaError("FORBIDDEN", `Not allowed to ${verb} in ${channel}`), ref);
  const answer = connection.context.authorize(connection.identity, verb, channel);
  if (typeof answer === "boolean") {
    if (answer) proceed();
    else refuse();
    return undefined;
  }
  return answer.then((isAllowed) => {
    if (connection.isClosed) return;
    if (isAllowed) proceed();
    else refuse();
  });
}
