import { spawn } from "node:child_process";
import { join } from "node:path";

/** Runs a program, showing its output; resolves with its faults, which are none when it ended well. */
export async function runCommand(root, argv, options = {}) {
  const { code, output } = await capture(root, argv, { ...options, stdio: ["ignore", "inherit", "inherit"] });
  return code === 0 ? [] : [`${argv.map(shortName).join(" ")} ended with ${code}${output}`];
}

/** Runs a program quietly; resolves with `{code, output}`. */
export function capture(root, argv, options = {}) {
  const [command, ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: options.stdio ?? ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout?.on("data", (text) => (output += text));
    child.stderr?.on("data", (text) => (output += text));
    child.on("error", (error) => reject(new Error(`${command} cannot be started: ${error.message}`)));
    child.on("close", (code, signal) => resolve({ code: signal ?? code, output }));
  });
}

/** A development tool, run by the Node that runs us. */
export function tool(root, path, ...rest) {
  return [process.execPath, join(root, "node_modules", path), ...rest];
}

function shortName(argument) {
  return argument.split(/[\\/]/).at(-1);
}
