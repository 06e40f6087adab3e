// Prints what the agent does and asks when the agent asks.
//   client.ts "Refund order 7"     starts it
//   client.ts --join EXECUTION     is another device: the same answer from its beginning, and a say in it
//   --server URL                   where it is
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { type Chunk, connect, type Execution } from "@tachikoma/client";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { server: { type: "string", default: "ws://127.0.0.1:3000/ws" }, join: { type: "string" } },
});

const tachikoma = connect(values.server);
const execution: Execution =
  values.join === undefined
    ? tachikoma.execute("agent", positionals.join(" "))
    : tachikoma.execution(values.join);

/** The request that nobody has answered yet. */
let openApprovalId: string | undefined;

/** What was said here and has no receipt yet. */
const commands: Promise<void>[] = [];

const terminal = createInterface({ input: process.stdin });
terminal.on("line", (line) => commands.push(act(line.trim().toLowerCase())));

say(`[execution ${await execution.id}: --join it from another terminal]\n`);
for await (const chunk of execution) show(chunk);
const { outcome, error } = await execution.ended;
say(`\n[${outcome}${error === undefined ? "" : `: ${error.message}`}]\n`);
terminal.close();
await Promise.all(commands);
tachikoma.close();

async function act(word: string): Promise<void> {
  if (word === "s") await execution.cancel();
  else if (openApprovalId === undefined) say("\n[nothing is asked now; s stops]\n");
  else if (word !== "y" && word !== "n") say("[y, n or s?] ");
  else {
    const answer = { approvalId: openApprovalId, approved: word === "y" };
    const { status } = await execution.input({ type: "tool-approval-response", ...answer });
    if (status !== "applied") say("\n[too late: it was decided already]\n");
  }
}

function show(chunk: Chunk): void {
  switch (chunk.type) {
    case "text-delta":
      return say(chunk.delta);
    case "tool-input-available":
      return say(`\n[${chunk.toolName} ${JSON.stringify(chunk.input)}]\n`);
    case "tool-output-available":
      return say(`[result ${JSON.stringify(chunk.output)}]\n`);
    case "tool-output-error":
      return say(`[failed: ${chunk.errorText}]\n`);
    case "tool-approval-request":
      openApprovalId = chunk.approvalId;
      return say("[may it do that? y, n, or s to stop] ");
    case "tool-approval-response":
      openApprovalId = undefined;
      return say(chunk.approved ? "\n[approved]\n" : "\n[denied]\n");
  }
}

function say(text: string): void {
  process.stdout.write(text);
}
