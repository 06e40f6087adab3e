/** The process behind `tachikoma`: runs the command line and ends with its exit code. */
import { runProgram } from "./program.ts";
import { processTerminal } from "./terminal.ts";

for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever read the output has left (`tachikoma config | head -1`): nothing is wrong, and nobody is there to be told.
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

const exitCode = await runProgram(process.argv.slice(2), processTerminal());
// What was written to a pipe may still be on its way, and a client may hold timers.
process.stdout.write("", () => process.stderr.write("", () => process.exit(exitCode)));
