/** Reading fields of JSON that someone else made: a field that is missing or of another kind reads as `undefined`. */
export type JsonObject = { readonly [key: string]: unknown };

export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

export function objectAt(value: JsonObject | undefined, key: string): JsonObject | undefined {
  return asObject(value?.[key]);
}

export function listAt(value: JsonObject | undefined, key: string): readonly unknown[] | undefined {
  const field = value?.[key];
  return Array.isArray(field) ? field : undefined;
}

export function textAt(value: JsonObject | undefined, key: string): string | undefined {
  const field = value?.[key];
  return typeof field === "string" ? field : undefined;
}

/** A count: finite and not negative. */
export function countAt(value: JsonObject | undefined, key: string): number | undefined {
  const field = value?.[key];
  return typeof field === "number" && Number.isFinite(field) && field >= 0 ? field : undefined;
}
