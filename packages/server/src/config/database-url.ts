/** What `database.url` says, taken apart. Nothing here repeats the text: it may hold a password. */
import { parseRedisUrl, type RedisAddress } from "../stores/redis/redis-address.ts";

export type DatabaseUrl =
  | { readonly kind: "memory" }
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "redis"; readonly address: RedisAddress };

export interface InvalidDatabaseUrl {
  readonly kind: "invalid";
  /** As a sentence without the text itself. */
  readonly fault: string;
}

export const DATABASE_URL_FORM = "`sqlite://PATH`, `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` or `memory://`";

export function parseDatabaseUrl(text: string): DatabaseUrl | InvalidDatabaseUrl {
  if (text === "memory://") return { kind: "memory" };
  if (/^rediss?:/.test(text)) return redisUrl(text);
  if (!text.startsWith("sqlite://")) {
    return invalid("must be sqlite://PATH, redis://HOST, rediss://HOST or memory://");
  }
  const path = text.slice("sqlite://".length);
  return path === ""
    ? invalid("sqlite:// needs a path, as in sqlite://data/tachikoma.db")
    : { kind: "sqlite", path };
}

function redisUrl(text: string): DatabaseUrl | InvalidDatabaseUrl {
  try {
    return { kind: "redis", address: parseRedisUrl(text) };
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    return invalid(
      `${what}: it is redis://HOST[:PORT][/DB], with USER:PASSWORD@ in front of the host where it asks for them; characters such as / and # are percent-encoded there`,
    );
  }
}

/** The URL again, with its password: for whoever connects, and for nobody to read. */
export function redisUrlText({ username = "", password, isTls, host, port, database }: RedisAddress): string {
  const secret = password === undefined ? "" : `:${encodeURIComponent(password)}`;
  const user = `${encodeURIComponent(username)}${secret}`;
  const hostText = host.includes(":") ? `[${host}]` : host;
  return `${isTls ? "rediss" : "redis"}://${user === "" ? "" : `${user}@`}${hostText}:${port}/${database}`;
}

/** What of a URL may never be shown, also of one that cannot be read: the password as it stands and decoded. */
export function databaseSecretTexts(text: string): string[] {
  // The last @ ends it: a password that is not encoded as it should be may hold others.
  const credentials = /^\s*rediss?:\/*(.*)@/is.exec(text)?.[1];
  if (credentials === undefined) return [];
  const password = credentials.slice(credentials.indexOf(":") + 1);
  return [password, decoded(password)].filter((secret) => secret !== "");
}

function invalid(fault: string): InvalidDatabaseUrl {
  return { kind: "invalid", fault };
}

/** The text as it is where it is not encoded as it should be. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
