/** The file behind the command `tachikoma`, from a checkout. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { packageVersion } from "../version.ts";

const bin = fileURLToPath(new URL("../../bin/tachikoma.mjs", import.meta.url));

function run(argv: readonly string[], nodeOptions: readonly string[] = []) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeOptions, bin, ...argv], {
    env: { PATH: process.env["PATH"] },
    encoding: "utf8",
    timeout: 15_000,
  });
  return { status, stdout, stderr };
}

/** Changes something of the process before the file runs. */
const preparing = (code: string) => ["--import", `data:text/javascript,${encodeURIComponent(code)}`];

describe("bin/tachikoma.mjs", () => {
  const withoutExecve = preparing("process.execve = undefined");

  test.each([
    ["in the same process", []],
    ["in a process of its own", withoutExecve],
  ])("runs the sources %s and hands over the exit code", (_, nodeOptions) => {
    expect(run(["--version"], nodeOptions)).toEqual({
      status: 0,
      stdout: `${packageVersion()}\n`,
      stderr: "",
    });
    expect(run(["zebra"], nodeOptions)).toMatchObject({ status: 2, stdout: "" });
  });

  test("tells an old Node in a plain sentence", () => {
    const old = preparing(
      'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })',
    );
    expect(run(["--version"], old)).toEqual({
      status: 1,
      stdout: "",
      stderr: "tachikoma: Tachikoma needs Node 22.13 or newer, and this is Node 20.20.2.\n",
    });
  });
});
