/** Executions to do something with. */
import type { PlainClient } from "../clients/plain-client.ts";
import type { Trial } from "../trial.ts";

/** Longer than any case runs. */
export const ENDLESS = { input: { prompt: "100000 20" } };

export function prompt(text: string) {
  return { input: { prompt: text } };
}

interface Running {
  readonly handler?: "handler:count" | "handler:inputs";
  readonly prompt?: string;
  readonly on_unwatched?: unknown;
}

/** An execution that has begun to stream. Without a prompt it goes on for longer than the case. */
export async function running(t: Trial, options: Running = {}) {
  const {
    handler = "handler:count",
    prompt: text = ENDLESS.input.prompt,
    on_unwatched = { cancel_after: 10 },
  } = options;
  const client: PlainClient = await t.connect();
  const channel = t.channel();
  const { execution_id } = await client.execute(t.text(handler), { channel, ...prompt(text), on_unwatched });
  await client.recordsUntil(channel, ({ chunk }) => chunk?.type === "text-delta");
  return { client, channel, id: execution_id };
}
