import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { withInstallLock } from "./install-lock.mjs";
import { isInstalled, writeStamp } from "./installed-state.mjs";
import { isNodeNewEnough, oldNodeFault } from "./node-version.mjs";

const silent = () => {};
let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "install-"));
  const folder = root;
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

function writeLock(packages: object) {
  writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages }));
}

function writeInstalled(packages: Record<string, object>) {
  for (const path of Object.keys(packages)) mkdirSync(join(root, path), { recursive: true });
  mkdirSync(join(root, "node_modules"), { recursive: true });
  writeFileSync(join(root, "node_modules", ".package-lock.json"), JSON.stringify({ packages }));
}

describe("installed state", () => {
  const lock = {
    "": {},
    "node_modules/a": { version: "1.0.0" },
    "node_modules/b": { version: "1.0.0", optional: true },
  };

  test("without node_modules nothing is installed", () => {
    writeLock(lock);
    expect(isInstalled(root)).toBe(false);
  });
  test("a stamp counts until the lock file changes", () => {
    writeLock(lock);
    mkdirSync(join(root, "node_modules"));
    writeStamp(root);
    expect(isInstalled(root)).toBe(true);
    writeLock({ ...lock, "node_modules/c": { version: "1.0.0" } });
    expect(isInstalled(root)).toBe(false);
  });
  test("what someone installed with npm alone is taken as it is", () => {
    writeLock(lock);
    writeInstalled({ "node_modules/a": { version: "1.0.0" } });
    expect(isInstalled(root)).toBe(true);
  });
  test("another version is not what the lock file asks for", () => {
    writeLock(lock);
    writeInstalled({ "node_modules/a": { version: "1.0.1" } });
    expect(isInstalled(root)).toBe(false);
  });
  test("a package whose folder was removed is not installed", () => {
    writeLock(lock);
    writeInstalled({ "node_modules/a": { version: "1.0.0" } });
    rmSync(join(root, "node_modules", "a"), { recursive: true });
    expect(isInstalled(root)).toBe(false);
  });
});

describe("install lock", () => {
  test("two tasks run one after the other", async () => {
    const events: string[] = [];
    const task = (name: string) => async () => {
      events.push(`${name} starts`);
      await new Promise((resolve) => setImmediate(resolve));
      events.push(`${name} ends`);
    };
    await Promise.all([withInstallLock(root, silent, task("a")), withInstallLock(root, silent, task("b"))]);
    expect(events).toEqual(["a starts", "a ends", "b starts", "b ends"]);
  });
  test("a failing task gives the lock back", async () => {
    await expect(withInstallLock(root, silent, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await withInstallLock(root, silent, () => "done")).toBe("done");
  });
  test("waiting is bounded", async () => {
    mkdirSync(join(root, ".tachikoma-install-lock"));
    await expect(withInstallLock(root, silent, () => "done", { maxWaitMs: 1 })).rejects.toThrow(
      /still running/,
    );
  });
  test("a lock whose holder died is taken over", async () => {
    const path = join(root, ".tachikoma-install-lock");
    mkdirSync(path);
    utimesSync(path, 0, 0);
    expect(await withInstallLock(root, silent, () => "done")).toBe("done");
  });
});

describe("Node version", () => {
  test.each([
    ["20.20.2", false],
    ["22.17.9", false],
    ["22.18.0", true],
    ["24.0.0", true],
  ])("%s: %s", (version, isEnough) => expect(isNodeNewEnough(version)).toBe(isEnough));

  test("an old Node is no fault where a pinned one is installed", () => {
    expect(oldNodeFault(root, "20.0.0")).toContain("20.0.0");
    mkdirSync(join(root, "node_modules", ".bin"), { recursive: true });
    writeFileSync(join(root, "node_modules", ".bin", "node"), "");
    expect(oldNodeFault(root, "20.0.0")).toBeUndefined();
  });
});
