/** All settings. Keys are camelCase here and snake_case in files, variables and flags; nothing else differs. */
import { MAX_HANDLER_CHARS } from "@tachikoma/protocol";
import { z } from "zod";
import { channelSettings } from "./sections/channels.ts";
import { clusterSection } from "./sections/cluster.ts";
import { databaseSection } from "./sections/database.ts";
import { durableStreamsSection } from "./sections/durable-streams.ts";
import { executionSettings } from "./sections/executions.ts";
import { limitsSection } from "./sections/limits.ts";
import { securitySection } from "./sections/security.ts";
import { serverSection } from "./sections/server.ts";
import { sessionsSection } from "./sections/sessions.ts";
import { websocketSection } from "./sections/websocket.ts";

/** Name in `channels` whose settings hold for every namespace that says nothing else. */
export const DEFAULT_NAMESPACE = "default";

export const settingsSchema = z.strictObject({
  server: serverSection.prefault({}),
  database: databaseSection.prefault({}),
  security: securitySection.prefault({}),
  websocket: websocketSection.prefault({}),
  sessions: sessionsSection.prefault({}),
  limits: limitsSection.prefault({}),
  cluster: clusterSection.prefault({}),
  durableStreams: durableStreamsSection.prefault({}),
  channels: z.record(z.string(), channelSettings).prefault({ [DEFAULT_NAMESPACE]: {} }),
  executions: z.record(z.string(), executionSettings).prefault({ chat: { backend: "demo" } }),
});

export type Settings = z.output<typeof settingsSchema>;
export type ServerSettings = Settings["server"];
export type WebsocketSettings = Settings["websocket"];
/** `history.ttl` is in seconds. */
export type ChannelSettings = z.output<typeof channelSettings>;
export type ExecutionSettings = z.output<typeof executionSettings>;

/** What a server without any configuration runs with. */
export function defaultSettings(): Settings {
  return settingsSchema.parse({});
}

/** The settings of a channel's namespace. */
export function channelSettingsFor(settings: Pick<Settings, "channels">, namespace: string): ChannelSettings {
  const own = Object.hasOwn(settings.channels, namespace) ? settings.channels[namespace] : undefined;
  return own ?? settings.channels[DEFAULT_NAMESPACE] ?? channelSettings.parse({});
}

export function namespaceFault(name: string): string | undefined {
  return /^[^\p{C}\s~:][^\p{C}\s:]*$/u.test(name) && name.length <= 128 && name !== "__proto__"
    ? undefined
    : "must be the part of channel names before the colon: no white space, no colon, no ~ in front";
}

export function handlerNameFault(name: string): string | undefined {
  return /^[^\p{C}\s]+$/u.test(name) && name.length <= MAX_HANDLER_CHARS && name !== "__proto__"
    ? undefined
    : `must be at most ${MAX_HANDLER_CHARS} characters without white space`;
}
