/** All cases, in the order of the protocol's sections. */
import { type Case, numberCases } from "../case.ts";
import { acknowledging } from "./acknowledging.ts";
import { application } from "./application.ts";
import { chunks } from "./chunks.ts";
import { commands } from "./commands.ts";
import { connecting } from "./connecting.ts";
import { delivery } from "./delivery.ts";
import { closing, errors } from "./errors.ts";
import { events } from "./events.ts";
import { executionCommands } from "./execution-commands.ts";
import { executions } from "./executions.ts";
import { heartbeat } from "./heartbeat.ts";
import { httpCommands } from "./http-commands.ts";
import { lifecycle } from "./lifecycle.ts";
import { limits } from "./limits.ts";
import { messages } from "./messages.ts";
import { nodes } from "./nodes.ts";
import { positions } from "./positions.ts";
import { presence } from "./presence.ts";
import { publishing } from "./publishing.ts";
import { resuming } from "./resuming.ts";
import { signals } from "./signals.ts";
import { streamDoor } from "./stream-door.ts";
import { subscribing } from "./subscribing.ts";
import { welcome } from "./welcome.ts";

export const ALL_CASES: readonly Case[] = numberCases([
  ...messages,
  ...connecting,
  ...welcome,
  ...positions,
  ...subscribing,
  ...delivery,
  ...acknowledging,
  ...resuming,
  ...commands,
  ...publishing,
  ...executions,
  ...executionCommands,
  ...chunks,
  ...signals,
  ...presence,
  ...application,
  ...heartbeat,
  ...streamDoor,
  ...events,
  ...httpCommands,
  ...limits,
  ...errors,
  ...closing,
  ...nodes,
  ...lifecycle,
]);
