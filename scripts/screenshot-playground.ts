/**
 * Takes docs/images/playground.png: a conversation in the playground of a fresh server, in a browser with an empty profile.
 * Run it with `npx node --conditions=source scripts/screenshot-playground.ts`.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBrowser } from "../e2e/support/browser.ts";
import { ChatPage } from "../e2e/support/chat-page.ts";
import { listeningUrl, ROOT, tachikoma } from "../e2e/support/running-process.ts";
import { buildConsoleIfStale } from "./start/console-build.mjs";

const IMAGES = join(ROOT, "docs", "images");

mkdirSync(IMAGES, { recursive: true });
buildConsoleIfStale(ROOT, (text: string) => process.stderr.write(`${text}\n`));
const folder = mkdtempSync(join(tmpdir(), "tachikoma-screenshot-"));
const server = tachikoma(["serve", "--port", "0", "--database", "memory://"], { cwd: folder });
const browser = await openBrowser({ widthPx: 1280, heightPx: 800 });
try {
  const url = await listeningUrl(server);
  const chat = await ChatPage.open(browser.context.pages()[0]!, `${url}/`);
  await chat.ask("What survives a page refresh?");
  await chat.reads("each small piece");
  await chat.at("cut-socket").click();
  await chat.page.getByTestId("events").getByText("session resumed").first().waitFor();
  await chat.reads("Open a second tab");
  await chat.at("go-offline").click();
  await chat.linkIs("offline");
  await chat.at("go-offline").click();
  await chat.at("composer-input").focus();
  await chat.page.mouse.move(0, 0);
  // What comes next needs fonts that not every machine has.
  await chat.reads("while it runs: it is taken");
  await chat.page.screenshot({ path: join(IMAGES, "playground.png") });
} finally {
  await browser.close();
  await server.kill();
  rmSync(folder, { recursive: true, force: true });
}
