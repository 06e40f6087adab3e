import { backupCommand } from "./backup.ts";
import type { Command } from "./command.ts";
import { compactCommand } from "./compact.ts";
import { configCommand } from "./config.ts";
import { doctorCommand } from "./doctor.ts";
import { runCommand } from "./run.ts";
import { sendCommand } from "./send.ts";
import { serveCommand } from "./serve.ts";
import { tailCommand } from "./tail.ts";
import { tokenCommand } from "./token.ts";

export const COMMANDS: readonly Command[] = [
  serveCommand,
  configCommand,
  doctorCommand,
  tokenCommand,
  backupCommand,
  compactCommand,
  tailCommand,
  sendCommand,
  runCommand,
];
