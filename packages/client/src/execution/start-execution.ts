import { parsePosition } from "@tachikoma/protocol";
import type { ExecuteOptions } from "../api.ts";
import { type ClientError, errorFromWire } from "../client-error.ts";
import type { CommandMessage } from "../commands/command-queue.ts";
import { FollowedExecution } from "./execution.ts";
import type { ExecutionLink } from "./execution-link.ts";

interface ExecutionRequest extends ExecuteOptions {
  readonly handler: string;
  readonly input: unknown;
  /** Without one, the execution gets a private channel. */
  readonly channel?: string;
}

export function startExecution(link: ExecutionLink, request: ExecutionRequest): FollowedExecution {
  const { handler, input, channel, onUnwatched } = request;
  const execution = new FollowedExecution(link);
  // Requests for one channel are taken in order: the subscription is there before the first record is.
  if (channel !== undefined) execution.waitIn(channel);
  const expectation = channel === undefined ? link.channels.expectChannel() : undefined;
  const message: CommandMessage & { id: string } = {
    type: "execute",
    id: link.nextId(),
    handler,
    input,
    ...(channel !== undefined && { channel }),
    ...(onUnwatched !== undefined && { onUnwatched }),
  };
  const refuse = (error: ClientError) => {
    expectation?.found(undefined);
    execution.refused(error);
  };
  link.commands.submit({
    message,
    onReceipt: ({ status, executionId, channel: itsChannel, position, error }) => {
      if (status === "rejected" || executionId === undefined || itsChannel === undefined) {
        refuse(errorFromWire(error));
        return true;
      }
      execution.accepted({ id: executionId, channel: itsChannel }, parsePosition(position ?? ""));
      expectation?.found(itsChannel);
      return true;
    },
    onFailure: refuse,
  });
  return execution;
}
