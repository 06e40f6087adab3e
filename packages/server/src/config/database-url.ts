/** What `database.url` says, taken apart. Nothing here repeats the text: it may hold a password. */

export type DatabaseUrl =
  | { readonly kind: "memory" }
  | { readonly kind: "sqlite"; readonly path: string }
  | {
      readonly kind: "redis";
      readonly isTls: boolean;
      readonly host: string;
      readonly port: number;
      readonly databaseNumber: number;
      readonly username?: string;
      readonly password?: string;
    };

export type RedisUrl = Extract<DatabaseUrl, { kind: "redis" }>;

export interface InvalidDatabaseUrl {
  readonly kind: "invalid";
  /** As a sentence without the text itself. */
  readonly fault: string;
}

export const DATABASE_URL_FORM = "`sqlite://PATH`, `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` or `memory://`";

const DEFAULT_REDIS_PORT = 6379;
/** As many as redis-server can be given; it has 16 when nothing else is said. */
const MAX_DATABASE_NUMBER = 1_000_000;

export function parseDatabaseUrl(text: string): DatabaseUrl | InvalidDatabaseUrl {
  if (text === "memory://") return { kind: "memory" };
  if (/^rediss?:/.test(text)) return parseRedisUrl(text);
  if (!text.startsWith("sqlite://")) {
    return invalid("must be sqlite://PATH, redis://HOST, rediss://HOST or memory://");
  }
  const path = text.slice("sqlite://".length);
  return path === ""
    ? invalid("sqlite:// needs a path, as in sqlite://data/tachikoma.db")
    : { kind: "sqlite", path };
}

function parseRedisUrl(text: string): DatabaseUrl | InvalidDatabaseUrl {
  const url = URL.parse(text);
  if (url === null || url.hostname === "") {
    return invalid(
      "must be redis://HOST[:PORT][/DB], with USER:PASSWORD@ in front of the host where it asks for them; characters such as / and # are percent-encoded there",
    );
  }
  if (url.search !== "" || url.hash !== "") return invalid("a Redis URL has no parameters behind ? or #");
  const number = /^\/?$/.test(url.pathname) ? 0 : Number(/^\/(\d{1,7})$/.exec(url.pathname)?.[1]);
  if (!(number <= MAX_DATABASE_NUMBER))
    return invalid("what follows the host must be the number of a database");
  const username = decoded(url.username);
  const password = decoded(url.password);
  if (username === undefined || password === undefined) {
    return invalid("the user or the password is not percent-encoded as it should be");
  }
  return {
    kind: "redis",
    isTls: url.protocol === "rediss:",
    host: url.hostname,
    port: url.port === "" ? DEFAULT_REDIS_PORT : Number(url.port),
    databaseNumber: number,
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
  };
}

/** The URL again, with its password: for whoever connects, and for nobody to read. */
export function redisUrlText(url: RedisUrl): string {
  const { username = "", password, isTls, host, port, databaseNumber } = url;
  const secret = password === undefined ? "" : `:${encodeURIComponent(password)}`;
  const user = `${encodeURIComponent(username)}${secret}`;
  return `${isTls ? "rediss" : "redis"}://${user === "" ? "" : `${user}@`}${host}:${port}/${databaseNumber}`;
}

/** Where it is, for people: neither user nor password. */
export function redisAddress({ isTls, host, port, databaseNumber }: RedisUrl): string {
  return `${isTls ? "rediss" : "redis"}://${host}:${port}/${databaseNumber}`;
}

/** What of a URL may never be shown, also of one that cannot be read: the password as it stands and decoded. */
export function databaseSecretTexts(text: string): string[] {
  // The last @ ends it: a password that is not encoded as it should be may hold others.
  const credentials = /^\s*rediss?:\/*(.*)@/is.exec(text)?.[1];
  if (credentials === undefined) return [];
  const password = credentials.slice(credentials.indexOf(":") + 1);
  return [password, decoded(password) ?? password].filter((secret) => secret !== "");
}

function invalid(fault: string): InvalidDatabaseUrl {
  return { kind: "invalid", fault };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
