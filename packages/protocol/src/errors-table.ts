import { ERRORS, type ErrorEntry } from "./errors.ts";

/** Where the table stands in PROTOCOL.md. */
export const ERRORS_TABLE_BEGIN = "<!-- errors:begin -->";
export const ERRORS_TABLE_END = "<!-- errors:end -->";

/** The catalogue as a table in Markdown, as it stands in PROTOCOL.md. */
export function errorsTable(): string {
  const rows = Object.entries<ErrorEntry>(ERRORS).map(
    ([code, { closeCode, httpStatus, retry, message }]) =>
      `| \`${code}\` | ${closeCode ?? ""} | ${httpStatus ?? ""} | ${retry} | ${message} |`,
  );
  return ["| Code | Close code | HTTP status | Retry | Message |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}
