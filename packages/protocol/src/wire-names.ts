/**
 * The one place that knows both spellings: camelCase in TypeScript, snake_case on the wire. Keys are renamed mechanically
 * in the envelope; what belongs to the application is passed through untouched.
 */
const OPAQUE_KEYS: ReadonlySet<string> = new Set([
  "data",
  "input",
  "chunk",
  "payload",
  "state",
  "initialState",
  "initial_state",
  "positions",
]);

/**
 * No message has envelope fields below this depth. What lies deeper is left as it is, so that nesting in a message from outside
 * cannot exhaust the stack.
 */
const MAX_ENVELOPE_LEVELS = 8;

export function toWireNames(value: unknown): unknown {
  return renameKeys(value, toSnakeCase, 0);
}

/** The wire has one spelling: envelope keys with capital letters are no fields of the protocol and are left out. */
export function fromWireNames(value: unknown): unknown {
  return renameKeys(value, toCamelCase, 0);
}

type Rename = (key: string) => string | undefined;

/** More than the protocol has: what a stranger sends beyond them is renamed each time, and remembered nowhere. */
const MAX_REMEMBERED_NAMES = 128;
const MAX_REMEMBERED_CHARS = 32;

const toSnakeCase = remembered(snakeCase);
const toCamelCase = remembered(camelCase);

function remembered(rename: Rename): Rename {
  const names = new Map<string, string | undefined>();
  return (key) => {
    const known = names.get(key);
    if (known !== undefined || names.has(key)) return known;
    const name = rename(key);
    if (names.size < MAX_REMEMBERED_NAMES && key.length <= MAX_REMEMBERED_CHARS) names.set(key, name);
    return name;
  };
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function camelCase(key: string): string | undefined {
  if (/[A-Z]/.test(key)) return undefined;
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function renameKeys(value: unknown, rename: Rename, level: number): unknown {
  if (typeof value !== "object" || value === null || level === MAX_ENVELOPE_LEVELS) return value;
  if (Array.isArray(value)) return value.map((item) => renameKeys(item, rename, level + 1));
  const fields = value as Record<string, unknown>;
  const renamed: Record<string, unknown> = {};
  for (const key of Object.keys(fields)) {
    const name = rename(key);
    // An own `__proto__` key (JSON.parse makes them) must not become the prototype of the result.
    if (name === undefined || key === "__proto__" || name === "__proto__") continue;
    const item = fields[key];
    renamed[name] = OPAQUE_KEYS.has(key) ? item : renameKeys(item, rename, level + 1);
  }
  return renamed;
}
