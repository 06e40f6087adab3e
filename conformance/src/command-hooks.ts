/** Hooks that are programs: how someone else's server is stopped, killed and started. */
import { spawn } from "node:child_process";
import { within } from "./deadline.ts";
import type { ServerHooks } from "./hooks.ts";
import type { HookCommands } from "./profile.ts";
import type { Target } from "./target.ts";
import { Trial } from "./trial.ts";

const COMMAND_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 60_000;
const KNOCK_INTERVAL_MS = 100;

export function commandHooks(commands: HookCommands, target: Target): ServerHooks {
  const { stop, kill, start } = commands;
  return {
    ...(stop === undefined ? {} : { stop: () => runCommand(stop) }),
    ...(kill === undefined ? {} : { kill: () => runCommand(kill) }),
    ...(start === undefined
      ? {}
      : {
          start: async () => {
            await runCommand(start);
            await untilServed(target);
          },
        }),
  };
}

async function runCommand(command: readonly string[]): Promise<void> {
  const [program = "", ...args] = command;
  const ended = new Promise<void>((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`The hook ${program} ended with ${code ?? signal}`));
    });
  });
  await within(COMMAND_TIMEOUT_MS, `the end of the hook ${program}`, ended);
}

/** Knocks until somebody opens. */
async function untilServed(target: Target): Promise<void> {
  const trial = new Trial(target, {}, new Map());
  const untilMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const answer = await trial.knock({ isPatient: false }).catch(() => undefined);
    if (answer?.status === 101) return;
    if (performance.now() > untilMs) throw new Error("The server was started and takes no connections");
    await trial.elapse(KNOCK_INTERVAL_MS, "before the next knock");
  }
}
