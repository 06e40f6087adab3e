import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "@tachikoma/server";
import { emitTokens, type Scenario, type Subject } from "./scenario.ts";

/** The whole path: a handler whose tokens are stored first and delivered second. */
export async function startTachikoma(store: "memory" | "sqlite"): Promise<Subject> {
  // Removed by whoever started this process.
  const folder = mkdtempSync(join(tmpdir(), "tachikoma-bench-"));
  const url = store === "memory" ? "memory://" : `sqlite://${join(folder, "bench.db")}`;
  const server = createServer({
    database: { url },
    executions: { answer: ({ input }: { readonly input: Scenario }) => tokens(input) },
  });
  const address = await server.listen({ port: 0 });
  return { url: `${address.url.replace("http", "ws")}/ws` };
}

function tokens(scenario: Scenario): ReadableStream<string> {
  const total = scenario.tokensPerSecond * scenario.durationSecs;
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
