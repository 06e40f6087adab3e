/** The events of AG-UI 1.0 that this server sends. */
export interface AgentEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

export const PROTOCOL_VERSION = "1.0";

export interface Interrupt {
  readonly id: string;
  readonly reason: string;
  readonly message?: string;
  readonly toolCallId?: string;
  readonly responseSchema: object;
}
