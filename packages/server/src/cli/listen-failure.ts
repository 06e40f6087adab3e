import type { ServerSettings } from "../config/settings.ts";
import { CliFailure } from "./failure.ts";

/** Turns what the platform says about a port or an address into a sentence; anything else stays as it is. */
export function listenFailure(
  error: unknown,
  { host, port }: Pick<ServerSettings, "host" | "port">,
): unknown {
  switch (platformCode(error)) {
    case "EADDRINUSE":
      return new CliFailure(`port ${port} on ${host} is in use`, {
        hint: "choose another one with --port, or any free one with --port 0",
        cause: error,
      });
    case "EACCES":
      return new CliFailure(`this user may not listen on port ${port}`, {
        hint: "choose a port above 1023 with --port",
        cause: error,
      });
    case "EADDRNOTAVAIL":
      return new CliFailure(`this machine has no address ${host}`, { hint: "see --host", cause: error });
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new CliFailure(`the host name ${host} is not known`, { hint: "see --host", cause: error });
    default:
      return error;
  }
}

function platformCode(error: unknown): string | undefined {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    const isListening = "syscall" in inner && (inner.syscall === "listen" || inner.syscall === "getaddrinfo");
    if (isListening && "code" in inner) return String(inner.code);
  }
  return undefined;
}
