/** A control frame carries at most 125 bytes, of which the close code takes two (RFC 6455 section 5.5.1). */
export const MAX_CLOSE_REASON_BYTES = 123;

/** The reason, cut at a character where it is too long. */
export function closeReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= MAX_CLOSE_REASON_BYTES) return reason;
  let end = MAX_CLOSE_REASON_BYTES;
  // The bytes of a character after its first look like 10xxxxxx.
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}
