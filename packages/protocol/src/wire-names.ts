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

export function toWireNames(value: unknown): unknown {
  return renameKeys(value, (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

export function fromWireNames(value: unknown): unknown {
  return renameKeys(value, (key) => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
}

function renameKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renameKeys(item, rename));
  if (typeof value !== "object" || value === null) return value;
  const renamed: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    // An own `__proto__` key (JSON.parse makes them) must not become the prototype of the result.
    if (key === "__proto__") continue;
    renamed[rename(key)] = OPAQUE_KEYS.has(key) ? item : renameKeys(item, rename);
  }
  return renamed;
}
