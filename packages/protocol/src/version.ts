/** Subprotocol that a client may offer; one that offers none is served the same. */
export const SUBPROTOCOL = "tachikoma.v1";

/** Version of the wire schema. The version history in PROTOCOL.md says what each one brought. */
export const PROTOCOL_VERSION = 1;

/** Hash of the schemas of all messages, by version. `schema/version.test.ts` fails when the schema moves on without its version. */
export const SCHEMA_HASHES: Readonly<Record<number, string>> = {
  1: "104aca00f33dc9c9029146bd15907ef31c9221d0222ab9499dc3a2ae4e5e372c",
};
