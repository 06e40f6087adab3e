/**
 * Reading text that users may have chosen. `node:sqlite` of Node 22.13 ends a text at its first NUL, so that one subject
 * could pass for another. Bytes come whole.
 */
import type { SQLOutputValue } from "node:sqlite";

/** Column list for a SELECT or RETURNING whose values `textOf` decodes. */
export function asBytes(...columns: readonly string[]): string {
  return columns.map((column) => `CAST(${column} AS BLOB) AS ${column}`).join(", ");
}

export function textOf(value: SQLOutputValue | undefined): string {
  const bytes = value as Uint8Array;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
