import { useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Logo } from "../design/logo.tsx";
import { freshId } from "../fresh-id.ts";
import { chatChannel, formatRoute } from "../route.ts";
import type { Access } from "./access.ts";
import { Chat } from "./chat.ts";
import { ChatPanel } from "./chat-panel.tsx";
import type { Connection } from "./connection.ts";
import { ConnectionPanel } from "./connection-panel.tsx";
import { defaultHandler, HandlerChoice } from "./handler-choice.tsx";
import { LinkBadge } from "./link-badge.tsx";
import { ServerLine } from "./server-line.tsx";

const UNAUTHORIZED_CLOSE_CODE = 4401;

interface PlaygroundPageProps {
  readonly access: Access;
  readonly connection: Connection;
  readonly chatId: string;
}

export function PlaygroundPage({ access, connection, chatId }: PlaygroundPageProps) {
  const chat = useMemo(() => new Chat(connection, chatChannel(chatId)), [connection, chatId]);
  useEffect(() => () => chat.close(), [chat]);
  useSignalEffect(() => {
    const link = connection.link.value;
    if (link.state === "closed" && link.code === UNAUTHORIZED_CLOSE_CODE) access.lock();
  });

  const [isPanelOpen, setPanelOpen] = useState(false);
  const [chosenHandler, setChosenHandler] = useState<string>();
  const stats = access.stats.value;
  const handlers = stats?.handlers ?? [];
  const handler = chosenHandler ?? defaultHandler(handlers);

  return (
    <div class="page">
      <header class="bar">
        <a class="brand" href="#/">
          <Logo />
          <span>Tachikoma</span>
        </a>
        <HandlerChoice handlers={handlers} chosen={handler} onChoose={setChosenHandler} />
        <span class="bar-space" />
        <LinkBadge link={connection.link.value} />
        <div class="bar-actions">
          <button
            type="button"
            class="button panel-toggle"
            aria-expanded={isPanelOpen}
            aria-controls="connection-panel"
            data-testid="panel-toggle"
            onClick={() => setPanelOpen(!isPanelOpen)}
          >
            Connection
          </button>
          <a class="button" href={formatRoute({ page: "chat", chatId: freshId(10) })} data-testid="new-chat">
            New chat
          </a>
        </div>
      </header>
      <aside class="side" id="connection-panel" data-open={isPanelOpen} aria-label="Connection">
        <ConnectionPanel connection={connection} view={chat.view.value} />
        <ServerLine stats={stats} />
      </aside>
      <ChatPanel key={chatId} chat={chat} handler={handler} link={connection.link.value} />
    </div>
  );
}
