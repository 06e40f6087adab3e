/**
 * Frames of the server's hot path. A record's body is JSON text already when it comes from the log, so its frame is made by
 * joining texts. Fields named `...Json` take the JSON text of a value; the rest are values whose characters need no escaping.
 */
import type { ServerMessageType } from "./schema/server-messages.ts";

export interface MessageFrame {
  readonly channelJson: string;
  /** Wire form. */
  readonly position: string;
  readonly bodyJson: string;
  readonly senderJson?: string | undefined;
}

export interface ChunkFrame {
  readonly channelJson: string;
  /** Wire form of the position of the last record covered. */
  readonly position: string;
  readonly coveredRecordCount: number;
  readonly executionIdJson: string;
  readonly chunkJson: string;
}

export type ExecutionRecordType = Extract<ServerMessageType, `execution_${string}`>;

export interface ExecutionFrame {
  readonly type: ExecutionRecordType;
  readonly channelJson: string;
  /** Wire form. */
  readonly position: string;
  readonly executionIdJson: string;
  /** JSON text of an object without white space around it. Its fields, in wire spelling, become fields of the frame. */
  readonly bodyJson: string;
  readonly senderJson?: string | undefined;
}

export interface SkipFrame {
  readonly channelJson: string;
  /** Wire form of the position of the last record covered. */
  readonly position: string;
  readonly coveredRecordCount: number;
}

export function encodeMessageFrame(frame: MessageFrame): string {
  const { channelJson, position, bodyJson, senderJson } = frame;
  return `{"type":"message","channel":${channelJson},"position":"${position}","data":${bodyJson}${senderField(senderJson)}}`;
}

export function encodeChunkFrame(frame: ChunkFrame): string {
  const { channelJson, position, coveredRecordCount, executionIdJson, chunkJson } = frame;
  return `{"type":"chunk","channel":${channelJson},"position":"${position}"${countField(coveredRecordCount)},"execution_id":${executionIdJson},"chunk":${chunkJson}}`;
}

export function encodeExecutionFrame(frame: ExecutionFrame): string {
  const { type, channelJson, position, executionIdJson, bodyJson, senderJson } = frame;
  if (!bodyJson.startsWith("{") || !bodyJson.endsWith("}")) {
    throw new TypeError(`The body of an ${type} record is not the text of a JSON object`);
  }
  const fields = bodyJson.length === 2 ? "" : `,${bodyJson.slice(1, -1)}`;
  return `{"type":"${type}","channel":${channelJson},"position":"${position}","execution_id":${executionIdJson}${senderField(senderJson)}${fields}}`;
}

export function encodeSkipFrame(frame: SkipFrame): string {
  const { channelJson, position, coveredRecordCount } = frame;
  return `{"type":"skip","channel":${channelJson},"position":"${position}"${countField(coveredRecordCount)}}`;
}

function countField(coveredRecordCount: number): string {
  return coveredRecordCount === 1 ? "" : `,"n":${coveredRecordCount}`;
}

function senderField(senderJson: string | undefined): string {
  return senderJson === undefined ? "" : `,"sender":${senderJson}`;
}
