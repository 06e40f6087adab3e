/** The last things that happened to the connection, newest first. */
export interface LinkEvent {
  readonly key: number;
  readonly atMs: number;
  readonly text: string;
  readonly tone: "neutral" | "good" | "warn" | "bad";
}

export const MAX_EVENTS = 50;

export function withEvent(events: readonly LinkEvent[], event: Omit<LinkEvent, "key">): readonly LinkEvent[] {
  const key = (events[0]?.key ?? 0) + 1;
  return [{ key, ...event }, ...events].slice(0, MAX_EVENTS);
}

/** Time of day with tenths: two events of one second keep their order visibly. */
export function clockTime(atMs: number): string {
  const at = new Date(atMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const tenths = Math.floor(at.getMilliseconds() / 100);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${tenths}`;
}
