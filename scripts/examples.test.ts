import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connect } from "@tachikoma/client";
import { expect, onTestFinished, test } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const MAX_START_MS = 15_000;

/** Starts a program that prints its address, and ends it with the test. */
async function start(...argv: string[]): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ["--conditions=source", ...argv], {
    cwd: root,
    env: { ...process.env, PORT: "0", TACHIKOMA_SERVER__PORT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  });
  return { url: await firstAddress(child), child };
}

function firstAddress(child: ChildProcess): Promise<string> {
  const seen: string[] = [];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no address in ${MAX_START_MS} ms: ${seen}`)),
      MAX_START_MS,
    );
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface(stream).on("line", (line) => {
        seen.push(line);
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
        if (url === undefined) return;
        clearTimeout(timer);
        resolve(url);
      });
    }
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code}: ${seen.join("\n")}`));
    });
  });
}

function client(url: string, token?: string) {
  const tachikoma = connect(`${url.replace("http", "ws")}/ws`, token === undefined ? {} : { token });
  onTestFinished(() => tachikoma.close());
  return tachikoma;
}

async function answer(url: string, handler: string, prompt: string): Promise<string> {
  const execution = client(url).execute(handler, { messages: [{ role: "user", content: prompt }] });
  let text = "";
  for await (const chunk of execution) if (chunk.type === "text-delta") text += chunk["delta"];
  return text.trim();
}

test("node-http: its own pages, and an execution", async () => {
  const { url, child } = await start("examples/node-http/server.ts");
  expect(await (await fetch(`${url}/hello`)).text()).toBe("You asked for /hello\n");
  expect(await answer(url, "countdown", "now")).toBe("5 4 3 2 1 go!");
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("express: its own pages, and a note that only its owner may write", async () => {
  const { url } = await start("examples/express/server.ts");
  const me = await fetch(`${url}/me`, { headers: { authorization: "Bearer ann-token" } });
  expect(await me.json()).toEqual({ person: "ann" });
  await client(url, "ann-token").channel("note:ann").publish("milk");
  await expect(client(url, "bob-token").channel("note:ann").publish("beer")).rejects.toMatchObject({
    code: "FORBIDDEN",
  });
});

test("fastify: what a route publishes reaches who watches", async () => {
  const { url } = await start("examples/fastify/server.ts");
  const subscription = client(url).channel("order:7").subscribe({ since: "start" });
  const shipped = await fetch(`${url}/orders/7/shipped`, { method: "POST" });
  expect(await shipped.json()).toEqual({ position: expect.any(String) });
  for await (const delivery of subscription) {
    expect(delivery).toMatchObject({ type: "message", data: { status: "shipped" } });
    break;
  }
});

test("command-backend: a program answers", async () => {
  const config = "examples/command-backend/tachikoma.toml";
  const { url } = await start("packages/server/src/cli/main.ts", "serve", "--config", config);
  expect(await answer(url, "echo", "say it again")).toBe("say it again");
  expect(await answer(url, "words", "how many words")).toMatch(/^\d+ words of JSON$/);
});
