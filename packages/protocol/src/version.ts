/** Subprotocol that a client may offer; one that offers none is served the same. */
export const SUBPROTOCOL = "tachikoma.v1";

/** Version of the wire schema. The version history in PROTOCOL.md says what each one brought. */
export const PROTOCOL_VERSION = 1;

/**
 * Hash of the schemas of all messages, by version. `schema/version.test.ts` fails when the schema moves on without its version. Until
 * version 1 is released nobody speaks an earlier form of it, and its hash is replaced.
 */
export const SCHEMA_HASHES: Readonly<Record<number, string>> = {
  1: "0a5f877d7279137ea47cc6a95c5be70d48043a49b2fa368dc0adfe19742c076d",
};
