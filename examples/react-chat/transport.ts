// The line to change: how the chat reaches its server. All of the rest is the AI SDK's own.
import { tachikomaTransport } from "@tachikoma/client/ai-sdk";
import { DefaultChatTransport, type UIMessage, WebSocketChatTransport } from "ai";
import { client } from "./client.ts";

const socketUrl = new URL("/ws/ai-sdk", location.href.replace(/^http/, "ws")).href;

const TRANSPORTS = {
  /** The AI SDK's default, over HTTP. */
  http: () => new DefaultChatTransport<UIMessage>({ api: "/api/chat" }),
  /** The AI SDK's own over WebSocket. */
  websocket: () => new WebSocketChatTransport<UIMessage>({ url: socketUrl }),
  /** Ours: a lost connection is not noticed. */
  tachikoma: () => tachikomaTransport<UIMessage>({ client }),
};

export const transport = TRANSPORTS.tachikoma();
