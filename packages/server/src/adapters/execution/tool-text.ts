/** What a tool gave, as the text that other forms have for it. */
export function toolText(output: unknown): string {
  return typeof output === "string" ? output : (JSON.stringify(output) ?? "null");
}
