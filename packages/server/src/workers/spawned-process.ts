import type { ChildProcess } from "node:child_process";
import type { Spawned } from "./place.ts";
import type { ChildMessage } from "./process-message.ts";

/** A child process of ours, however it was started. It is told `start` first of all. */
export function spawnedProcess(child: ChildProcess, start: object): Spawned {
  let unsaid: object[] | undefined = [start];
  const send = (message: object) => {
    // The end of the process is told by its exit, and so is a message that did not reach it.
    if (unsaid !== undefined) unsaid.push(message);
    else if (child.connected) child.send(message, () => {});
  };
  child.on("message", (message) => {
    if ((message as ChildMessage).type !== "here" || unsaid === undefined) return;
    const waiting = unsaid;
    unsaid = undefined;
    for (const one of waiting) send(one);
  });
  return {
    pid: child.pid,
    send,
    kill: () => void child.kill("SIGKILL"),
    onMessage: (hear) => void child.on("message", (message) => hear(message as ChildMessage)),
    onExit: (hear) => {
      let hasEnded = false;
      const ended = (end: string, isOrderly: boolean) => {
        if (!hasEnded) hear(end, isOrderly);
        hasEnded = true;
      };
      child.on("error", (error) => {
        if (child.pid === undefined) ended(error.message, false);
      });
      child.on("exit", (code, signal) => ended(signal ?? `code ${code}`, code === 0));
    },
  };
}
