/** Pages by the hash of the address. `#/chat/ID` is the playground; the console's pages will join it here. */
export type Route = { readonly page: "chat"; readonly chatId: string };

const CHAT_PATTERN = /^#\/chat\/([A-Za-z0-9_-]{1,64})$/;

export function parseRoute(hash: string): Route | undefined {
  const match = CHAT_PATTERN.exec(hash);
  return match === null ? undefined : { page: "chat", chatId: match[1]! };
}

export function formatRoute(route: Route): string {
  return `#/chat/${route.chatId}`;
}

export function chatChannel(chatId: string): string {
  return `chat:${chatId}`;
}
