/** A server that is killed in the middle of its work; several cases look at what it left behind. */
import type { RecordFrame } from "../clients/wire-message.ts";
import type { Trial } from "../trial.ts";
import { keptUntilEnd } from "./kept-records.ts";

export const RESTARTED_COUNT = 40;

/** Kills the first node under a session, a command and an execution, and starts it again. */
export function killed(t: Trial) {
  return t.shared("killed", async () => {
    const [channel, runChannel] = [t.channel(), t.channel()];
    const client = await t.connect({ node: 0, clientId: t.freshName() });
    await client.subscribe(channel);
    await client.publishAll(
      channel,
      Array.from({ length: 40 }, (_, index) => index),
    );
    const command = { type: "publish", id: t.freshName(), channel, data: "the command" };
    const receipt = await client.ask(command);
    const frames: readonly RecordFrame[] = await client.records(channel, 41);
    const { execution_id } = await client.execute(t.text("handler:count"), {
      channel: runChannel,
      input: { prompt: "100000 20" },
    });
    await client.recordsUntil(runChannel, ({ chunk }) => chunk?.type === "text-delta");
    await t.hooks.kill?.();
    await client.closed;
    await t.hooks.start?.();
    return {
      channel,
      frames,
      command,
      receipt,
      runChannel,
      executionId: execution_id,
      clientId: client.clientId,
      session: client.sessionId,
    };
  });
}

/** Runs a handler under a kill, as far as the server that has come back. */
export async function interruptedRun(t: Trial, prompt: string) {
  const channel = t.channel();
  const client = await t.connect({ node: 0 });
  const input = { prompt };
  const { execution_id } = await client.execute(t.text("handler:count_again"), { channel, input });
  await client.recordsUntil(channel, ({ chunk }) => chunk?.type === "text-delta");
  await t.hooks.kill?.();
  await client.closed;
  await t.hooks.start?.();
  return { channel, executionId: execution_id };
}

/** An execution that was run anew, from its first record to its end. */
export function restarted(t: Trial) {
  return t.shared("restarted", async () => {
    const { channel, executionId } = await interruptedRun(t, `${RESTARTED_COUNT} 25`);
    return { frames: await keptUntilEnd(t, channel, executionId), executionId };
  });
}
