/** Subprotocol that a client may offer; one that offers none is served the same. */
export const SUBPROTOCOL = "tachikoma.v1";

/**
 * Version of the wire schema, with what each one brought. `schema/version.test.ts` holds a hash of the schema and fails
 * until this is bumped.
 *
 * 1: first version.
 */
export const PROTOCOL_VERSION = 1;
