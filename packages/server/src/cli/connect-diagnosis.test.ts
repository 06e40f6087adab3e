import { createServer, type RequestListener } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { diagnoseConnect } from "./connect-diagnosis.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serverUrl(answer: RequestListener, upgrades = false): Promise<string> {
  const server = createServer(answer);
  if (upgrades) {
    server.on("upgrade", (_request, socket) => {
      socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    });
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}/ws`;
}

const diagnose = (url: string, token?: string) => diagnoseConnect({ url, token, clientId: undefined });

describe("why a connection cannot be made", () => {
  test.each([
    ["a text", "Unauthorized", "401 Unauthorized"],
    ["JSON", '{"error": {"code": "TOKEN_REQUIRED", "message": "Token required"}}', "401 Token required"],
    ["JSON of one level", '{"code": "TOKEN_REQUIRED", "message": "Token required"}', "401 Token required"],
    ["a page", "<html>no</html>", "401 Unauthorized"],
    ["nothing", "", "401 Unauthorized"],
    ["a lot", "x".repeat(100_000), `401 ${"x".repeat(300)}`],
  ])("the server refuses with %s", async (_, body, shown) => {
    const url = await serverUrl((_request, response) => response.writeHead(401).end(body));
    const failure = await diagnose(url);
    expect(failure).toMatchObject({ exitCode: 3, hint: expect.stringContaining("--token") });
    expect(failure.message).toBe(`${url} refused the connection: ${shown}`);
  });

  test("the token goes along and is not shown", async () => {
    let asked: string | undefined;
    const url = await serverUrl((request, response) => {
      asked = request.url;
      response.writeHead(429).end("Maximum 5 connections per client");
    });
    const failure = await diagnose(`${url}?token=canary`, undefined);
    expect(failure.message).toContain("429 Maximum 5 connections per client");
    expect(failure.message).not.toContain("canary");
    await diagnose(url, "the-token");
    expect(asked).toBe("/ws?token=the-token");
  });

  test("nothing listens", async () => {
    const url = await serverUrl(() => {});
    closers.pop()?.();
    const failure = await diagnose(url);
    expect(failure).toMatchObject({
      message: `cannot connect to ${url}: nothing listens there`,
      exitCode: 3,
    });
  });

  test("the server upgrades and says nothing", async () => {
    const failure = await diagnose(await serverUrl(() => {}, true));
    expect(failure.message).toContain("ended before the server welcomed it");
  });
});
