import { TachikomaError } from "@tachikoma/protocol";

const DEFAULT_PORT = 6379;

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly database: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** What may be said of it: no name, no password. */
  readonly label: string;
}

/**
 * Reads `redis://[USER][:PASSWORD]@HOST[:PORT][/DATABASE]`, or `rediss://` for TLS.
 *
 * @throws CONFIG_INVALID which does not repeat the address: it may hold a password
 */
export function parseRedisUrl(url: string): RedisAddress {
  const parsed = URL.parse(url);
  if (parsed === null) throw invalid("is not a URL");
  const { protocol, hostname, port, pathname, search, hash } = parsed;
  if (protocol !== "redis:" && protocol !== "rediss:") throw invalid("must start with redis:// or rediss://");
  if (hostname === "") throw invalid("names no host");
  if (search !== "" || hash !== "") throw invalid("must not have a part after ? or #");
  if (!/^\/?$|^\/[0-9]{1,7}$/.test(pathname))
    throw invalid("may have nothing after the host but the number of a database");
  const isTls = protocol === "rediss:";
  const address = {
    port: port === "" ? DEFAULT_PORT : Number(port),
    database: Number(pathname.slice(1)),
    isTls,
  };
  return {
    ...address,
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    username: textIn(parsed.username),
    password: textIn(parsed.password),
    label: `${protocol}//${hostname}:${address.port}${address.database === 0 ? "" : `/${address.database}`}`,
  };
}

function textIn(part: string): string | undefined {
  if (part === "") return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid("has a % in its name or password that must be written as %25");
  }
}

function invalid(what: string): TachikomaError {
  return new TachikomaError("CONFIG_INVALID", `The address of Redis ${what}`);
}
