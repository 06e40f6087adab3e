/**
 * What may be said in a log. Fields that carry credentials are replaced wherever they sit, and so are credentials inside
 * text: an address with `?token=...`, an `Authorization` value. Errors are reduced to name, text, code, stack and cause,
 * because HTTP libraries hang whole requests, headers included, on theirs.
 */
const REDACTED = "[redacted]";
/** Deep enough for what we log; below it nothing is printed, so nothing can leak. */
const MAX_DEPTH = 6;
const MAX_ENTRIES = 100;

/** Matched against the end of a name without separators: `access_token`, `x-api-key` and `jwtSecret` count too. */
const SECRET_NAME = /(?:token|apikey|authorization|password|secret|cookie)$/;
const SECRET_IN_TEXT =
  /((?:token|api_?key|password|secret|authorization|cookie)=)[^&\s"']+|\b(Bearer |Basic )[\w.~+/=-]+/gi;

/** Up to the last @: what is wrong with a URL must not show its password. */
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/"'@]*:[^\s"']*@/gi;

/** A copy of the fields that is safe to write out. Never throws. */
export function redactFields(fields: object): Record<string, unknown> {
  try {
    return redactEntries(Object.entries(fields), 0);
  } catch {
    return { fieldsUnreadable: true };
  }
}

export function redactText(text: string): string {
  return text
    .replace(URL_CREDENTIALS, `$1${REDACTED}@`)
    .replace(SECRET_IN_TEXT, (_match, name: string | undefined, scheme: string | undefined) => {
      return `${name ?? scheme}${REDACTED}`;
    });
}

function redactEntries(entries: readonly [string, unknown][], depth: number): Record<string, unknown> {
  const safe: Record<string, unknown> = {};
  for (const [name, value] of entries.slice(0, MAX_ENTRIES)) {
    safe[name] = isSecretName(name) && value !== undefined ? REDACTED : redactValue(value, depth + 1);
  }
  if (entries.length > MAX_ENTRIES) safe["omittedFields"] = entries.length - MAX_ENTRIES;
  return safe;
}

function redactValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return redactText(value);
    case "bigint":
      return value.toString();
    case "symbol":
    case "function":
      return `[${typeof value}]`;
    case "object":
      return value === null ? null : redactObject(value, depth);
    default:
      return value;
  }
}

function redactObject(value: object, depth: number): unknown {
  if (depth > MAX_DEPTH) return "[too deep]";
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof URL) return redactText(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((item) => redactValue(item, depth + 1));
  if (value instanceof Map) {
    return redactEntries(
      Array.from(value, ([name, item]): [string, unknown] => [String(name), item]),
      depth,
    );
  }
  if (value instanceof Set) return redactObject([...value], depth);
  return redactEntries(Object.entries(value), depth);
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const safe: Record<string, unknown> = { name: error.name, message: redactText(error.message) };
  if ("code" in error) safe["code"] = redactValue(error.code, depth + 1);
  if (error.stack !== undefined) safe["stack"] = redactText(error.stack);
  if (error.cause !== undefined) safe["cause"] = redactValue(error.cause, depth + 1);
  return safe;
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.replace(/[^a-zA-Z]/g, "").toLowerCase());
}
