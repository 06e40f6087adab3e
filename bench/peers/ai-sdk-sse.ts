// What `toUIMessageStreamResponse` of the AI SDK sends for an answer: one event and one HTTP chunk for each token.
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "../contenders/serve.ts";
import { pacedTokens, type TokenRun } from "../paced-tokens.ts";

const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache",
  connection: "keep-alive",
  "x-vercel-ai-ui-message-stream": "v1",
  "x-accel-buffering": "no",
};

const BEFORE = [{ type: "start" }, { type: "start-step" }, { type: "text-start", id: "0" }];
const AFTER = [
  { type: "text-end", id: "0" },
  { type: "finish-step" },
  { type: "finish", finishReason: "stop" },
];

async function answer(response: ServerResponse, tokens: TokenRun): Promise<void> {
  const send = (chunk: object) => response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  response.writeHead(200, HEADERS);
  for (const chunk of BEFORE) send(chunk);
  for await (const delta of pacedTokens(tokens)) {
    if (response.destroyed) return;
    send({ type: "text-delta", id: "0", delta });
  }
  for (const chunk of AFTER) send(chunk);
  response.end("data: [DONE]\n\n");
}

let connectionCount = 0;
const server = createServer((request, response) => {
  const run = new URL(request.url ?? "/", "http://localhost").searchParams.get("run");
  void answer(response, JSON.parse(run ?? "{}") as TokenRun);
});
server.on("connection", (socket) => {
  connectionCount += 1;
  socket.on("error", () => socket.destroy());
  socket.once("close", () => {
    connectionCount -= 1;
  });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
serve({
  port: (server.address() as AddressInfo).port,
  connectionCount: () => connectionCount,
  publish: () => undefined,
});
