/**
 * Bounds that are part of the protocol: both ends know them. What an operator may tune lives in the server's
 * configuration; PROTOCOL.md lists both with the error that follows a breach.
 */

/** Longest channel name, in UTF-8 bytes. */
export const MAX_CHANNEL_BYTES = 255;

/** Longest id that a client may give to a request or to itself, in characters. */
export const MAX_ID_CHARS = 128;

/** Longest handler name, in characters. */
export const MAX_HANDLER_CHARS = 64;

/** Longest token in a query string or an `auth` message, in characters. */
export const MAX_TOKEN_CHARS = 8192;

/** Most channels that one `ack` may confirm. */
export const MAX_ACK_POSITIONS = 1024;

/** Longest grace of `on_unwatched: {cancel_after}`, in seconds. */
export const MAX_CANCEL_AFTER_SECS = 86_400;

/** Deepest nesting of arrays and objects in a client's message, in levels, the message itself included. */
export const MAX_NESTING_LEVELS = 512;
