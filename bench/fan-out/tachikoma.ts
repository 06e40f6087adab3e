import { join } from "node:path";
import { createServer } from "@tachikoma/server";
import { emitTokens, type Scenario, type Subject, tokenCount } from "./scenario.ts";

/** The whole path: a handler whose tokens are stored first and delivered second. */
export async function startTachikoma(store: "memory" | "sqlite", folder: string): Promise<Subject> {
  const url = store === "memory" ? "memory://" : `sqlite://${join(folder, "bench.db")}`;
  const server = createServer({
    database: { url },
    executions: { answer: ({ input }: { readonly input: Scenario }) => tokens(input) },
  });
  const address = await server.listen({ port: 0 });
  return { url: `${address.url.replace("http", "ws")}/ws` };
}

function tokens(scenario: Scenario): ReadableStream<string> {
  const total = tokenCount(scenario);
  let emitted = 0;
  return new ReadableStream({
    start: (controller) => {
      emitTokens(scenario, (token) => {
        controller.enqueue(token);
        emitted += 1;
        if (emitted === total) controller.close();
      });
    },
  });
}
