/** The options of `createServer`: the settings of the stand-alone server, and what only code can give. */
import { TachikomaError } from "@tachikoma/protocol";
import type { z } from "zod";
import { databaseTarget } from "./config/database-target.ts";
import { type Settings, settingsSchema } from "./config/settings.ts";
import type { CustomHandler } from "./core/connection/context.ts";
import type { NamespaceConfig } from "./core/namespace.ts";
import type { Logger } from "./core/ports.ts";
import type { Handler } from "./executions/handler.ts";
import type { AuthCallback } from "./gateway/door.ts";
import type { StorePorts } from "./open-store.ts";
import type { Store } from "./stores/store.ts";

type SettingsInput = z.input<typeof settingsSchema>;
type Hooks = Pick<NamespaceConfig, "canSubscribe" | "canPublish" | "canExecute" | "initialState">;

/** Settings of the channels of one namespace, with its hooks. */
export type ChannelOptions = NonNullable<SettingsInput["channels"]>[string] & Hooks;

export interface ServerOptions extends Omit<SettingsInput, "channels" | "executions"> {
  /** Checks who comes in. Without it and without `security.apiKey` there is no authentication. */
  readonly auth?: AuthCallback;
  /** By namespace, the part of a channel's name before the first `:`; `default` holds for all others. */
  readonly channels?: Readonly<Record<string, ChannelOptions>>;
  /** What `execute` runs, by name. */
  readonly executions?: Readonly<Record<string, ExecutionOption>>;
  /** Answers `custom` messages. */
  readonly onCustom?: CustomHandler;
  /** @default none: the library writes nothing by itself */
  readonly logger?: Logger;
  /** A store of the application's own making, or what opens it; wins over `database`. It is closed with the server. */
  readonly store?: Store | ((ports: StorePorts) => Promise<Store>);
  /** Makes what `/metrics` answers of this server's own metrics, both in Prometheus text format. @default they are the answer */
  readonly exposeMetrics?: (own: string) => Promise<string>;
}

// biome-ignore lint/suspicious/noExplicitAny: each handler states its own input, which nothing checks but itself
type AnyHandler = Handler<any>;

/** A handler, bare or with what is to be known of it. */
export type ExecutionOption = AnyHandler | HandlerEntry;

export interface HandlerEntry {
  readonly run: AnyHandler;
  /** How long one execution may take in all, in seconds. @default 3600 */
  readonly maxDurationSecs?: number;
  /**
   * What becomes of an execution whose server is lost while it runs: it ends as interrupted, or runs once more from its beginning,
   * on another node or after the next start, with `attempt` 2. Ask for the latter only where running twice does no harm.
   * @default "interrupt"
   */
  readonly onOwnerLost?: "interrupt" | "restart";
  /** What `/api/stats` and the console say of it. */
  readonly backend?: string;
  readonly label?: string;
}

/** The handlers by name, each with its entry. */
export function handlerEntries(options: ServerOptions): ReadonlyMap<string, HandlerEntry> {
  const entries = Object.entries(options.executions ?? {});
  return new Map(
    entries.map(([name, option]) => [name, typeof option === "function" ? { run: option } : option]),
  );
}

export interface ParsedOptions {
  readonly settings: Settings;
  readonly options: ServerOptions;
}

/** @throws CONFIG_INVALID naming the key and what is allowed */
export function parseOptions(options: ServerOptions): ParsedOptions {
  const { server, database, security, websocket, sessions, limits, cluster, durableStreams } = options;
  const channels = Object.fromEntries(
    Object.entries(options.channels ?? {}).map(([name, channel]) => [name, withoutHooks(channel)]),
  );
  const given = {
    server,
    database,
    security,
    websocket,
    sessions,
    limits,
    cluster,
    durableStreams,
    channels: { default: {}, ...channels },
  };
  const parsed = settingsSchema.safeParse(withoutUndefined(given));
  if (parsed.success) {
    refuseUnfollowedSecrets(parsed.data);
    const target = databaseTarget(parsed.data.database);
    if (target.kind !== "fault") return { settings: parsed.data, options };
    throw new TachikomaError("CONFIG_INVALID", `database.${target.key}: ${target.message}`);
  }
  const issue = parsed.error.issues[0]!;
  throw new TachikomaError("CONFIG_INVALID", `${issue.path.join(".")}: ${issue.message}`);
}

/** Only the loader of configuration files follows references. Whoever gives one here would have an open server and not know it. */
function refuseUnfollowedSecrets({ security, database }: Settings): void {
  const places = [
    {
      key: "security.apiKey",
      value: security.apiKey,
      byName: security.apiKeyEnv,
      byFile: security.apiKeyFile,
    },
    {
      key: "database.password",
      value: database.password,
      byName: database.passwordEnv,
      byFile: database.passwordFile,
    },
  ];
  for (const { key, value, byName, byFile } of places) {
    if (value !== undefined || (byName ?? byFile) === undefined) continue;
    const given = byName === undefined ? `${key}File` : `${key}Env`;
    throw new TachikomaError(
      "CONFIG_INVALID",
      `${given}: only configuration files and variables name a secret; give createServer ${key} itself`,
    );
  }
}

function withoutHooks(channel: ChannelOptions): object {
  const { canSubscribe: _s, canPublish: _p, canExecute: _e, initialState: _i, ...settings } = channel;
  return settings;
}

function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
