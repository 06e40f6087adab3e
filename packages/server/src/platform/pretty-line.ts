/** Rewrites one JSON log line for a person: `12:00:01.250 INFO  Listening port=3000`. */
export function prettyLine(jsonLine: string): string {
  const { time, level, msg, ...fields } = JSON.parse(jsonLine) as Record<string, unknown>;
  const clockTime = String(time).slice(11, 23);
  const details = Object.entries(fields).map(([name, value]) => ` ${name}=${prettyValue(value)}`);
  return `${clockTime} ${String(level).toUpperCase().padEnd(5)} ${oneLine(String(msg))}${details.join("")}\n`;
}

function prettyValue(value: unknown): string {
  if (typeof value === "string" && /^[\w.:/@+-]+$/.test(value)) return value;
  return JSON.stringify(value);
}

/** A line break in a message must not look like a second event. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ");
}
