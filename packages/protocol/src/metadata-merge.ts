/** Deeper than this, what is newer replaces what was there: nesting from outside cannot exhaust the stack. */
const MAX_MERGE_LEVELS = 32;

/** Newer metadata laid over earlier: objects field by field, all else replaced. */
export function mergeMetadata(earlier: unknown, newer: unknown): unknown {
  return merge(earlier, newer, 0);
}

function merge(earlier: unknown, newer: unknown, level: number): unknown {
  if (newer === undefined) return earlier;
  if (!isFields(earlier) || !isFields(newer) || level === MAX_MERGE_LEVELS) return newer;
  const merged: Record<string, unknown> = { ...earlier };
  for (const [key, value] of Object.entries(newer)) {
    if (key !== "__proto__") merged[key] = merge(ownField(earlier, key), value, level + 1);
  }
  return merged;
}

function ownField(fields: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
