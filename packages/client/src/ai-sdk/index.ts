export { type TachikomaChatTransport, tachikomaTransport } from "./transport.ts";
export type { TransportOptions } from "./transport-options.ts";
