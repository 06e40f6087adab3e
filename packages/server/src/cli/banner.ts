import { databaseTarget } from "../config/database-target.ts";
import { redactText } from "../config/redact.ts";
import type { ExecutionSettings, Settings } from "../config/settings.ts";
import { type Style, withoutControlCharacters } from "./style.ts";

/** What someone who starts the server at a terminal wants to know. Never a secret. */
export function banner(
  settings: Settings,
  {
    url,
    workerCount,
    version,
  }: { readonly url: string; readonly workerCount: number; readonly version: string },
  style: Style,
): string {
  const base = (settings.server.publicUrl ?? url).replace(/\/+$/, "");
  const rows: readonly (readonly [string, string])[] = [
    ...(settings.server.console ? [["Playground", style.cyan(`${base}/`)] as const] : []),
    ...(settings.websocket.enabled ? [["WebSocket", `${base.replace(/^http/, "ws")}/ws`] as const] : []),
    ...Object.entries(settings.executions).map(
      ([name, execution], index) =>
        [index === 0 ? "Handlers" : "", `${style.bold(name)} ${style.dim(backendText(execution))}`] as const,
    ),
    ["Access", accessText(settings, style)],
    ["Data", dataText(settings, style)],
    ...(workerCount === 1 ? [] : [["Workers", `${workerCount} processes`] as const]),
  ];
  const lines = rows.map(([label, value]) => `  ${style.dim(label.padEnd(12))}${value}`);
  return `\n  ${style.bold(`Tachikoma ${version}`)}\n\n${lines.join("\n")}\n\n  ${style.dim("Ctrl-C stops it.")}\n\n`;
}

function backendText(execution: ExecutionSettings): string {
  switch (execution.backend) {
    case "demo":
      return "demo answers, no model";
    case "command":
      // Only the program: what follows may be a secret.
      return `command ${plain(execution.command[0] ?? "")}`;
    case "openai-compatible":
    case "anthropic":
      return `${execution.backend}, ${plain(execution.model)} at ${URL.parse(execution.baseUrl)?.host ?? "?"}`;
  }
}

function accessText({ security, server }: Settings, style: Style): string {
  if (security.apiKey !== undefined) return "API key required";
  const who = server.allowUnauthenticatedRemote ? "everyone who reaches it" : "everyone on this machine";
  return `${style.yellow("no authentication")}: ${who} may do everything`;
}

function dataText({ database }: Settings, style: Style): string {
  const target = databaseTarget(database);
  switch (target.kind) {
    case "sqlite":
      return plain(target.path);
    case "redis":
      return plain(`${target.address.label}, keys {${target.keyPrefix}}:*, durability ${target.durability}`);
    case "memory":
      return style.yellow("in memory: forgotten when the server stops");
    case "fault":
      return plain(target.message);
  }
}

function plain(text: string): string {
  return withoutControlCharacters(redactText(text));
}
