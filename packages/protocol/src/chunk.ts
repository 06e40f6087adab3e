/**
 * Pieces of an execution's content. The vocabulary is the AI SDK's UIMessage chunks, so that what is logged here can be handed
 * to `useChat` as it is. It is an open set in its fields: unknown fields pass through untouched.
 */
export type Chunk = { readonly type: string; readonly [field: string]: unknown };
