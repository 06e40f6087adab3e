import type { CommandOptions, CommandResult, Published } from "../api.ts";
import { type ClientError, errorFromWire } from "../client-error.ts";
import type { Command, CommandMessage, CommandQueue, Receipt } from "./command-queue.ts";

type Identified<Type extends CommandMessage["type"]> = Extract<CommandMessage, { type: Type }> & {
  readonly id: string;
};

export function publish(queue: CommandQueue, message: Identified<"publish">): Promise<Published> {
  return settled(queue, message, (receipt, { resolve, reject }) => {
    if (receipt.status === "accepted") return false;
    if (receipt.status === "applied" && receipt.position !== undefined)
      resolve({ position: receipt.position });
    else reject(errorFromWire(receipt.error));
    return true;
  });
}

export function control(
  queue: CommandQueue,
  message: Identified<"cancel"> | Identified<"input">,
  { onAccepted }: CommandOptions,
): Promise<CommandResult> {
  let isAccepted = false;
  return settled(queue, message, (receipt, { resolve }) => {
    if (receipt.status === "accepted") {
      // Sent again after a reconnect, the command is accepted again.
      if (!isAccepted) onAccepted?.();
      isAccepted = true;
      return false;
    }
    const error = receipt.status === "rejected" ? { error: errorFromWire(receipt.error) } : {};
    resolve({ status: receipt.status, ...error });
    return true;
  });
}

export function request(queue: CommandQueue, message: Identified<"custom">): Promise<unknown> {
  return new Promise((resolve, reject) => {
    queue.submit({ message, onAnswer: resolve, onFailure: reject });
  });
}

interface Settling<Value> {
  resolve(value: Value): void;
  reject(error: ClientError): void;
}

function settled<Value>(
  queue: CommandQueue,
  message: Command["message"],
  read: (receipt: Receipt, settling: Settling<Value>) => boolean,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onReceipt = (receipt: Receipt) => read(receipt, { resolve, reject });
    queue.submit({ message, onReceipt, onFailure: reject });
  });
}
