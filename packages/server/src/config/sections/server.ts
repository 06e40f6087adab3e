import { z } from "zod";
import { httpUrlFault } from "../address.ts";
import { boolean, choice, integer, integerOr, optional, seconds, text, withDefault } from "../setting.ts";

export const serverSection = z.strictObject({
  host: withDefault(
    "127.0.0.1",
    text({ maxChars: 253, form: "host name or IP address", description: "Address to listen on." }),
  ),
  port: withDefault(
    3000,
    integer({ min: 0, max: 65_535, description: "Port to listen on. `0` takes any free port." }),
  ),
  workers: withDefault(
    1,
    integerOr("auto", {
      min: 1,
      max: 64,
      description:
        "Processes of `tachikoma serve` that share the port, each a node of its own; `auto` is one for each core. Limits of a node hold for each of them, those of a client for all together. A server in a program of your own is one process, whatever stands here.",
    }),
  ),
  publicUrl: optional(
    text({
      form: "http(s) URL",
      fault: httpUrlFault,
      description: "Address under which people reach the server, where a proxy stands in front of it.",
    }),
  ),
  allowUnauthenticatedRemote: withDefault(
    false,
    boolean({
      description:
        "Lets the server listen on other addresses than loopback without authentication. Everyone who reaches it may do everything.",
    }),
  ),
  drainTimeoutSecs: withDefault(
    10,
    seconds({
      min: 0,
      max: 3600,
      description:
        "How long a stopping server lets executions finish. Clients are asked to reconnect spread over this time; with a store that several nodes share they leave within it.",
    }),
  ),
  logLevel: withDefault(
    "info",
    choice({
      choices: ["debug", "info", "warn", "error", "silent"],
      description: "Least important log line that is written.",
    }),
  ),
  logFormat: withDefault(
    "auto",
    choice({
      choices: ["auto", "json", "pretty"],
      description: "`pretty` is for people, `json` for machines, `auto` chooses `pretty` on a terminal.",
    }),
  ),
  dataDir: withDefault(
    "data",
    text({
      form: "path",
      description: "Folder for what the server keeps. Relative paths start at the working directory.",
    }),
  ),
  console: withDefault(
    true,
    boolean({
      description:
        "Serves the web console and playground from / on. Embedded beside pages of an application it is served only where this is given as true.",
    }),
  ),
});
