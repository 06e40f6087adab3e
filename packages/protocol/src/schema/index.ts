/** The schemas themselves, for those who validate (the server, tests). They need zod; the main entry does not. */
export { chunkSchema } from "./chunk.ts";
export { clientMessage } from "./client-messages.ts";
export { decodeClientMessage } from "./decode-client-message.ts";
export { serverMessage } from "./server-messages.ts";
