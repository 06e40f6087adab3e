/** Whose page is at `/`: that of the application, where there is one, also when the console is built and shipped. */
import { createServer as createHttpServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer, type ServerOptions, type TachikomaServer } from "@tachikoma/server";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { buildConsoleIfStale } from "../scripts/start/console-build.mjs";
import { ROOT } from "./support/running-process.ts";

const BUILD_TIMEOUT_MS = 120_000;
const PLAYGROUND = /<title>Tachikoma playground</;

beforeAll(() => buildConsoleIfStale(ROOT, () => {}), BUILD_TIMEOUT_MS);

function tachikoma(server: ServerOptions["server"]): TachikomaServer {
  const made = createServer({ database: { url: "memory://" }, server });
  onTestFinished(() => made.close({ graceMs: 0 }));
  return made;
}

async function listening(server: ServerOptions["server"] = {}): Promise<string> {
  return (await tachikoma(server).listen({ port: 0 })).url;
}

async function attached(handler?: RequestListener, server: ServerOptions["server"] = {}): Promise<string> {
  const httpServer = createHttpServer(handler);
  tachikoma(server).attach(httpServer);
  await new Promise<void>((resolve) => httpServer.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    httpServer.closeAllConnections();
    httpServer.close();
  });
  return `http://127.0.0.1:${(httpServer.address() as AddressInfo).port}`;
}

async function textOf(url: string): Promise<string> {
  return (await fetch(url)).text();
}

const mine: RequestListener = (request, response) => response.end(`mine: ${request.url}`);

test("a server that listens by itself has the console there, unless the settings say no", async () => {
  expect(await textOf(await listening())).toMatch(PLAYGROUND);
  expect((await fetch(await listening({ console: false }))).status).toBe(404);
});

test("attached beside an application it leaves that its pages, and the names of the console's files", async () => {
  const url = await attached(mine);
  expect(await textOf(url)).toBe("mine: /");
  expect(await textOf(`${url}/index.html`)).toBe("mine: /index.html");
  expect(await textOf(`${url}/favicon.svg`)).toBe("mine: /favicon.svg");
});

test("attached beside an application that asks for the console, it has it", async () => {
  const url = await attached(mine, { console: true });
  expect(await textOf(url)).toMatch(PLAYGROUND);
  expect(await textOf(`${url}/shop`)).toBe("mine: /shop");
});

test("attached to a server that answers nothing itself, it has the console there", async () => {
  expect(await textOf(await attached())).toMatch(PLAYGROUND);
});
