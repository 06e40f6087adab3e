const SECS_PER_UNIT = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

const DURATION_PATTERN = /^(\d+(?:\.\d+)?)\s*([smhd])?$/;

/** Seconds in a text such as `24h`, `30m`, `90s`, `7d` or `3600`; `undefined` when it is no duration. */
export function parseDurationSecs(text: string): number | undefined {
  const match = DURATION_PATTERN.exec(text.trim());
  if (match === null) return undefined;
  const unit = (match[2] ?? "s") as keyof typeof SECS_PER_UNIT;
  return Number(match[1]) * SECS_PER_UNIT[unit];
}

/** The shortest exact text: `24h` rather than `1440m`, but `90s` rather than `1.5m`. */
export function formatDurationSecs(secs: number): string {
  if (secs > 86_400 && secs % 86_400 === 0) return `${secs / 86_400}d`;
  if (secs > 0 && secs % 3600 === 0) return `${secs / 3600}h`;
  if (secs > 0 && secs % 60 === 0) return `${secs / 60}m`;
  return `${secs}s`;
}
