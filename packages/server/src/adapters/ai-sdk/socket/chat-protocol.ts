/** `/ws/ai-sdk`: the server of the SDK's `WebSocketChatTransport`. */
import { identityFor } from "../../../core/credential.ts";
import type { Guest } from "../../../gateway/entrance.ts";
import { idParameter } from "../../../gateway/id-parameter.ts";
import type { Seat, SocketProtocol } from "../../../gateway/websocket/socket-protocol.ts";
import { Chats } from "../chats.ts";
import { unwatchedParameter } from "../unwatched-parameter.ts";
import { ChatSocket, type ChatSocketOptions } from "./chat-socket.ts";

/** A client that offers subprotocols, as for its token, wants one of them taken. */
export const AI_SDK_SUBPROTOCOL = "ai-sdk.v1";

export type ChatProtocolOptions = Pick<ChatSocketOptions, "clock" | "logger" | "heartbeat" | "limits">;

export function aiSdkProtocol(options: ChatProtocolOptions): SocketProtocol {
  return { path: "/ws/ai-sdk", admit: (knock) => admit(knock, options) };
}

async function admit({ core, credential, url, order }: Guest, options: ChatProtocolOptions): Promise<Seat> {
  const clientId = idParameter(url, "client_id");
  const onUnwatched = unwatchedParameter(url);
  const handler = url.searchParams.get("handler") ?? undefined;
  // It keeps no session, but its place counts like that of any other connection.
  const { reservation } = await core.admit({ credential, clientId, sessionId: undefined, order });
  // Its commands are those of the same client over HTTP, so that it may change between the two.
  const identity = identityFor(credential, clientId, undefined, () => "http");
  return {
    isResumed: false,
    release: () => reservation.release(),
    use: ({ transport, onStarted }) => {
      onStarted();
      return new ChatSocket({
        ...options,
        chats: Chats.of(core),
        identity,
        transport,
        onUnwatched,
        handler,
        onClosed: () => reservation.release(),
      });
    },
  };
}
