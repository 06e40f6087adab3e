import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { describeWithRedis } from "./describe-with-redis.ts";
import { findProgram, RedisServer, type RedisServerOptions } from "./redis-server.ts";

describeWithRedis("a redis-server for tests", () => {
  const servers: RedisServer[] = [];
  const start = async (options?: RedisServerOptions) => {
    const server = await RedisServer.start(options);
    servers.push(server);
    return server;
  };
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.dispose()));
  });

  test("answers commands, and leaves nothing when it is disposed of", async () => {
    const server = await start();
    expect(await server.command("PING")).toBe("PONG");
    await server.dispose();
    expect(existsSync(server.folder)).toBe(false);
    expect(server.isRunning).toBe(false);
  });

  test("that is killed and started again has what was on the disk", async () => {
    const server = await start({ persistence: "always" });
    await server.command("SET", "a", "1");
    await server.kill();
    await server.restart();
    expect(await server.command("GET", "a")).toBe("1");
    await server.restart({ persistence: "none" });
    expect(await server.command("GET", "a")).toBeNull();
  });

  test("asks for its password", async () => {
    const server = await start({ password: "p@ss:word/1" });
    expect(await server.command("PING")).toBe("PONG");
    const stranger = createConnection(server.port, "127.0.0.1");
    stranger.write("PING\r\n");
    const [answer] = await new Promise<Buffer[]>((resolve) =>
      stranger.once("data", (data) => resolve([data])),
    );
    stranger.destroy();
    expect(String(answer)).toContain("NOAUTH");
  });

  test("replicates, and can be promoted", async () => {
    const master = await start();
    await master.command("SET", "a", "1");
    const replica = await start({ replicaOfPort: master.port });
    await master.command("WAIT", "1", "5000");
    expect(await replica.command("GET", "a")).toBe("1");
    await expect(replica.command("SET", "a", "2")).rejects.toThrow("READONLY");
    await replica.promote();
    expect(await replica.command("SET", "a", "2")).toBe("OK");
  });

  test("says why it does not start", async () => {
    await expect(start({ directives: { "no-such-directive": "1" } })).rejects.toThrow("no-such-directive");
    const taken = (await start()).port;
    await expect(start({ port: taken })).rejects.toThrow("Address already in use");
  });

  test("can be paused and goes on", async () => {
    const server = await start();
    server.pause();
    const answer = server.command("PING");
    server.resume();
    expect(await answer).toBe("PONG");
    server.pause();
    await server.stop();
  });

  test.skipIf(findProgram("setpriv") === undefined)("ends with a process that is killed", async () => {
    const source = `
      import { RedisServer } from ${JSON.stringify(join(import.meta.dirname, "redis-server.ts"))};
      const { port, folder } = await RedisServer.start();
      process.stdout.write(JSON.stringify({ port, folder }));
    `;
    const args = ["--conditions=source", "--input-type=module-typescript", "--eval", source];
    const parent = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const [text] = (await once(parent.stdout, "data")) as [Buffer];
    const { port, folder } = JSON.parse(String(text)) as { port: number; folder: string };
    parent.kill("SIGKILL");
    await once(parent, "close");
    const startedAtMs = performance.now();
    while (await takesConnections(port)) expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    await rm(folder, { recursive: true });
  });
});

function takesConnections(port: number): Promise<boolean> {
  const socket = createConnection(port, "127.0.0.1");
  return new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  }).finally(() => socket.destroy());
}
