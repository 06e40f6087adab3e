/** The server as an application and an operator meet it: options, attaching, stopping. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createServer as createHttpServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createServer } from "./create-server.ts";
import { until, within } from "./gateway/websocket/testing/deadline.ts";
import { tempFolders } from "./stores/contract/temp-folder.ts";
import { connectPlain, expectRefusal } from "./testing/plain-client.ts";
import { expectNoUnheardFailure, startTestServer, TestServer } from "./testing/test-server.ts";

const tempFolder = tempFolders();

describe("options", () => {
  test.each([
    ["websocket.maxMessageSize", { websocket: { maxMessageSize: 1 } }],
    ["websocket.pingIntervalSecs", { websocket: { pingIntervalSecs: -1 } }],
    ["websocket", { websocket: { pingInterval: 3 } as object }],
    ["database.url", { database: { url: "mysql://x" } }],
    ["server.port", { server: { port: 70_000 } }],
    ["channels.room", { channels: { room: { history: { records: 0 } } } }],
  ])("a wrong value of %s is refused with its name", (key, options) => {
    const attempt = () => createServer(options);
    expect(attempt).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
    expect(attempt).toThrow(key);
  });

  test.each([
    ["security.apiKeyEnv", { security: { apiKeyEnv: "SOME_KEY" } }],
    ["security.apiKeyFile", { security: { apiKeyFile: "key.txt" } }],
    ["database.passwordEnv", { database: { url: "redis://127.0.0.1", passwordEnv: "SOME_PASSWORD" } }],
  ])("%s is not passed over in silence: it would leave the server open", (key, options) => {
    expect(() => createServer(options)).toThrow(key);
  });

  test("times to live may be fractions of a millisecond: SQLite keeps whole ones", async () => {
    const server = await startTestServer({
      database: { url: `sqlite://${join(await tempFolder(), "t.db")}` },
      sessions: { ttlSecs: 60.0001 },
      cluster: { leaseTtlSecs: 2.0001 },
      executions: {
        async *hello() {
          yield "hello";
        },
      },
    });
    const client = await server.welcomed();
    client.send({ type: "execute", id: "1", handler: "hello", input: {} });
    expect(await client.next("execution_completed")).toMatchObject({ usage: {} });
  });

  test("strangers do not reach a server that asks nobody who they are", async () => {
    const open = createServer({ database: { url: "memory://" } });
    await expect(open.listen({ port: 0, host: "0.0.0.0" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await open.close({ graceMs: 0 });
    const keyed = createServer({ database: { url: "memory://" }, security: { apiKey: "k".repeat(32) } });
    const address = await keyed.listen({ port: 0, host: "0.0.0.0" });
    expect(address.port).toBeGreaterThan(0);
    await keyed.close({ graceMs: 0 });
  });

  test("a port that is taken is an error of listen, and the server can be closed", async () => {
    const first = await startTestServer();
    const second = createServer({ database: { url: "memory://" } });
    await expect(second.listen({ port: first.port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await within("the second to close", second.close({ graceMs: 0 }));
    await first.welcomed();
  });

  test("a store that does not open fails listen, and an attached server answers 503", async () => {
    const folder = await tempFolder();
    const database = { url: `sqlite://${folder}` };
    const listening = createServer({ database });
    await expect(listening.listen({ port: 0 })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await within("the first to close", listening.close());

    expectNoUnheardFailure();
    const httpServer = createHttpServer();
    const attached = createServer({ database });
    attached.attach(httpServer);
    await new Promise<void>((resolve) => httpServer.listen(0, "127.0.0.1", resolve));
    const server = new TestServer(attached, (httpServer.address() as AddressInfo).port);
    onTestFinished(async () => {
      await server.stop();
      httpServer.closeAllConnections();
      await within("the HTTP server to close", new Promise((resolve) => httpServer.close(resolve)));
    });
    expect((await server.http("/readyz")).status).toBe(503);
    const refused = await server.refused("/ws");
    expect(refused).toMatchObject({ status: 503, body: { code: "SERVER_NOT_READY" } });
    const answer = await server.http("/api/stats");
    expect(answer).toMatchObject({ status: 503, json: { code: "SERVER_NOT_READY" } });
    expect(JSON.stringify(refused.body) + answer.text).not.toContain(folder);
  });

  test("what needs an open server says so before it is open", async () => {
    const server = createServer({ database: { url: "memory://" } });
    expect(() => server.connections.count).toThrow(expect.objectContaining({ code: "SERVER_NOT_READY" }));
    await server.ready();
    expect(server.connections.count).toBe(0);
    expect(await server.publish("room:1", 1)).toMatch(/\S/);
    await server.close({ graceMs: 0 });
  });

  test("a server that never listened and one that is closed twice close", async () => {
    const server = createServer({ database: { url: "memory://" } });
    await within("the close", server.close());
    await within("the second close", server.close());
  });
});

describe("attach", () => {
  async function attached(httpServer: Server): Promise<TestServer> {
    expectNoUnheardFailure();
    const server = createServer({ database: { url: "memory://" } });
    server.attach(httpServer);
    await new Promise<void>((resolve) => httpServer.listen(0, "127.0.0.1", resolve));
    const testServer = new TestServer(server, (httpServer.address() as AddressInfo).port);
    onTestFinished(async () => {
      await testServer.stop();
      httpServer.closeAllConnections();
      await within("the HTTP server to close", new Promise((resolve) => httpServer.close(resolve)));
    });
    return testServer;
  }

  test("serves its own paths, and leaves all others to the handler that was there", async () => {
    const server = await attached(
      createHttpServer((request, response) => response.end(`mine: ${request.url}`)),
    );
    expect((await server.http("/shop?item=1")).text).toBe("mine: /shop?item=1");
    expect((await server.post("/shop", "body")).text).toBe("mine: /shop");
    expect((await server.http("/healthz")).json).toEqual({ status: "ok" });
    expect((await server.http("/ws")).status).toBe(426);
    const client = await server.welcomed("/ws");
    await client.ask({ type: "subscribe", id: "s", channel: "room:1" });
    await server.post("/api/channels/room:1/messages", { data: 1 });
    expect((await client.next("message")).data).toBe(1);
  });

  test("without a handler of its own it answers 404 itself", async () => {
    const server = await attached(createHttpServer());
    expect(await server.http("/shop")).toMatchObject({ status: 404, json: { code: "NOT_FOUND" } });
  });

  test("an upgrade of another path goes to the other listener, and ours do not", async () => {
    const httpServer = createHttpServer();
    const others = new WebSocketServer({ noServer: true });
    const seenPaths: (string | undefined)[] = [];
    const server = await attached(httpServer);
    httpServer.on("upgrade", (request, socket, head) => {
      if (request.url !== "/theirs") return;
      seenPaths.push(request.url);
      others.handleUpgrade(request, socket, head, (webSocket: WebSocket) => {
        webSocket.send(JSON.stringify({ type: "theirs" }));
      });
    });
    const theirs = await server.connect("/theirs");
    expect((await theirs.nextOfAny()).type).toBe("theirs");
    const ours = await server.connect("/ws");
    expect((await ours.nextOfAny()).type).toBe("welcome");
    expect(seenPaths).toEqual(["/theirs"]);
  });

  test("an upgrade that nobody takes is refused with 404", async () => {
    const server = await attached(createHttpServer());
    expect(await server.refused("/other")).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
  });

  test("closing leaves the HTTP server to its owner", async () => {
    const server = await attached(createHttpServer((_request, response) => response.end("still here")));
    const client = await server.welcomed();
    await server.server.close({ graceMs: 0 });
    await client.expectClose(1012);
    expect((await server.http("/shop")).text).toBe("still here");
    expect((await server.http("/readyz")).status).toBe(503);
    expect((await server.refused("/ws")).status).toBe(503);
  });
});

describe("stopping", () => {
  function heldExecution() {
    const held = Promise.withResolvers<void>();
    return {
      finish: () => held.resolve(),
      async *handler({ signal }: { readonly signal: AbortSignal }): AsyncGenerator<string> {
        signal.addEventListener("abort", () => held.resolve(), { once: true });
        yield "begun ";
        await held.promise;
        yield "and done";
      },
    };
  }

  test("DRN-1: lets executions finish, refuses the new, asks clients to come back, then closes with 1012", async () => {
    const run = heldExecution();
    const server = await startTestServer({ executions: { run: run.handler } });
    const client = await server.welcomed();
    await client.ask({ type: "execute", id: "e", handler: "run", channel: "room:1", input: null });
    await client.next("chunk");
    const closing = server.server.close({ graceMs: 10_000 });
    const notReady = { status: "not_ready", reason: "stopping" };
    expect(await server.http("/readyz")).toMatchObject({ status: 503, json: notReady });
    expect((await server.http("/healthz")).status).toBe(200);
    expect(await server.refused("/ws")).toMatchObject({ status: 503, body: { code: "SERVER_NOT_READY" } });
    await client.settle();
    const rejected = await client.ask({
      type: "execute",
      id: "f",
      handler: "run",
      channel: "room:1",
      input: null,
    });
    expect(rejected).toMatchObject({ status: "rejected", error: { code: "SERVER_NOT_READY" } });
    run.finish();
    await client.next("execution_completed");
    const reconnect = await client.next("reconnect");
    expect(reconnect).toMatchObject({ reason: "restarting", in_ms: expect.any(Number) });
    expect(reconnect["in_ms"]).toBeGreaterThanOrEqual(0);
    expect(reconnect["in_ms"]).toBeLessThanOrEqual(10_000);
    await client.expectClose(1012);
    await within("the server to close", closing);
    const text = client.received.map(
      (message) => (message["chunk"] as { delta?: string } | undefined)?.delta ?? "",
    );
    expect(text.join("")).toBe("begun and done");
    await expect(connectPlain(server.webSocketUrl())).rejects.toThrow("ECONNREFUSED");
  });

  test("what does not finish in time ends as interrupted, and is told so before the close", async () => {
    const run = heldExecution();
    const server = await startTestServer({ executions: { run: run.handler } });
    const client = await server.welcomed();
    await client.ask({ type: "execute", id: "e", handler: "run", channel: "room:1", input: null });
    await client.next("chunk");
    await within("the server to close", server.server.close({ graceMs: 100, reason: "going_away" }));
    expect((await client.next("reconnect")).reason).toBe("going_away");
    expect(await client.next("execution_interrupted")).toMatchObject({ reason: "server_stopped" });
    await client.expectClose(1001);
    expect(JSON.stringify(client.received)).not.toContain("and done");
  });

  test("an execution that was interrupted is the log's last word after a restart", async () => {
    const run = heldExecution();
    const url = `sqlite://${join(await tempFolder(), "t.db")}`;
    const first = await startTestServer({ database: { url }, executions: { run: run.handler } });
    const client = await first.welcomed("/ws?client_id=alice");
    await client.ask({ type: "execute", id: "e", handler: "run", channel: "room:1", input: null });
    const { position } = await client.next("chunk");
    client.send({ type: "ack", positions: { "room:1": position } });
    await client.settle();
    await client.drop();
    await first.server.close({ graceMs: 0 });
    const second = await startTestServer({ database: { url }, executions: { run: run.handler } });
    const back = await second.welcomed(`/ws?session_id=${client.hello.sessionId}`);
    expect(back.hello).toMatchObject({ isResumed: true, clientId: "alice" });
    expect(await back.next("execution_interrupted")).toMatchObject({ reason: "server_stopped" });
    expect(back.unread("reset")).toEqual([]);
    const { json } = await second.http("/api/channels/room:1/messages");
    const { records } = json as unknown as { readonly records: readonly { readonly type: string }[] };
    const types = records.map(({ type }) => type);
    expect(types.filter((type) => type.startsWith("execution_"))).toEqual([
      "execution_started",
      "execution_interrupted",
    ]);
  });

  test("an upgrade whose token is being checked is refused, and does not hold up the end", async () => {
    const asked = Promise.withResolvers<void>();
    const server = await startTestServer({
      auth: () => {
        asked.resolve();
        return new Promise(() => undefined);
      },
    });
    const refusal = expectRefusal(server.webSocketUrl("/ws?token=t"));
    await asked.promise;
    await within("the server to close", server.server.close({ graceMs: 0 }));
    expect(await refusal).toMatchObject({ status: 503, body: { code: "SERVER_NOT_READY" } });
  });

  test("a client that does not read or answer the close does not hold up the end for long", async () => {
    const server = await startTestServer();
    const client = await server.welcomed();
    client.webSocket.pause();
    const startedMs = performance.now();
    await server.server.close({ graceMs: 0 });
    expect(performance.now() - startedMs).toBeLessThan(8_000);
  });

  test("a server starts and stops many times on one database, and each session goes on", async () => {
    const url = `sqlite://${join(await tempFolder(), "t.db")}`;
    let sessionId = "";
    for (let round = 0; round < 4; round += 1) {
      const server = await startTestServer({ database: { url } });
      const client = await server.welcomed(`/ws?client_id=a&session_id=${sessionId}`);
      expect(client.hello.isResumed).toBe(round > 0);
      sessionId = client.hello.sessionId;
      await server.server.close({ graceMs: 0 });
      await client.expectClose(1012);
    }
  });
});

describe("the process", () => {
  interface Serving {
    readonly process: ChildProcess;
    readonly output: () => string;
    readonly port: number;
    readonly exit: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  }

  async function serve(configuration: string): Promise<Serving> {
    const folder = await tempFolder();
    await writeFile(join(folder, "tachikoma.toml"), configuration);
    const main = fileURLToPath(new URL("./cli/main.ts", import.meta.url));
    const child = spawn(process.execPath, ["--conditions=source", main, "serve", "--port", "0"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (piece: Buffer) => {
        output += piece.toString();
      });
    }
    const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.on("exit", (code, signal) => resolve({ code, signal }));
    });
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await exit;
    });
    const portIn = () => /http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1];
    await Promise.race([
      until("the process listens", () => portIn() !== undefined),
      exit.then(({ code }) => Promise.reject(new Error(`It ended with ${code}: ${output}`))),
    ]);
    return { process: child, output: () => output, port: Number(portIn()), exit };
  }

  test.each(["SIGTERM", "SIGINT"] as const)("%s closes with 1012 and ends with 0", async (signal) => {
    const serving = await serve(`[database]\nurl = "memory://"\n`);
    const client = await connectPlain(`ws://127.0.0.1:${serving.port}/ws`);
    await client.next("welcome");
    serving.process.kill(signal);
    await client.next("reconnect");
    await client.expectClose(1012);
    expect(await within("the process to end", serving.exit)).toEqual({ code: 0, signal: null });
    expect(serving.output()).not.toMatch(/uncaught|unhandled/i);
  });

  test("a second signal ends it at once, whatever still runs", async () => {
    const serving = await serve(
      `[server]\ndrain_timeout_secs = 600\n[database]\nurl = "memory://"\n[executions.slow]\nbackend = "command"\ncommand = ["sleep", "600"]\n`,
    );
    const client = await connectPlain(`ws://127.0.0.1:${serving.port}/ws`);
    await client.next("welcome");
    const receipt = await client.ask({ type: "execute", id: "e", handler: "slow", input: "x" });
    expect(receipt).toMatchObject({ status: "accepted" });
    await client.next("execution_started");
    serving.process.kill("SIGTERM");
    await until("the server to stop", () => serving.output().includes("Stopping"));
    // A signal right after the first may be the same one, passed on by npm: so it is sent until it counts.
    const again = setInterval(() => serving.process.kill("SIGTERM"), 50);
    onTestFinished(() => clearInterval(again));
    expect(await within("the process to end", serving.exit)).toEqual({ code: 143, signal: null });
  });
});
