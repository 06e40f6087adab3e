/** Headers of the protocol, as Node spells them. */
export const NEXT_OFFSET = "stream-next-offset";
export const UP_TO_DATE = "stream-up-to-date";
export const CLOSED = "stream-closed";
export const CURSOR = "stream-cursor";
export const TTL = "stream-ttl";
export const EXPIRES_AT = "stream-expires-at";
export const SSE_ENCODING = "stream-sse-data-encoding";
export const PRODUCER_EPOCH = "producer-epoch";
export const PRODUCER_SEQ = "producer-seq";
export const PRODUCER_EXPECTED_SEQ = "producer-expected-seq";
export const PRODUCER_RECEIVED_SEQ = "producer-received-seq";

/** On every answer. What a stream holds was written by anyone: a browser that opens it runs none of it. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; sandbox",
  "access-control-expose-headers": [
    "location",
    "etag",
    NEXT_OFFSET,
    UP_TO_DATE,
    CLOSED,
    CURSOR,
    TTL,
    EXPIRES_AT,
    SSE_ENCODING,
    PRODUCER_EPOCH,
    PRODUCER_SEQ,
    PRODUCER_EXPECTED_SEQ,
    PRODUCER_RECEIVED_SEQ,
  ].join(", "),
};
