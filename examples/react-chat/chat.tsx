import { useChat } from "@ai-sdk/react";
import { useConnection, usePresence } from "@tachikoma/client/react";
import type { UIMessage } from "ai";
import { type FormEvent, useState } from "react";
import { client } from "./client.ts";
import { transport } from "./transport.ts";

export function Chat({ id }: { readonly id: string }) {
  const { messages, sendMessage, stop, status, error } = useChat({ id, transport, resume: true });
  const isAnswering = status === "submitted" || status === "streaming";
  return (
    <main>
      <Header id={id} isAnswering={isAnswering} />
      <ol>
        {messages.map((message) => (
          <li key={message.id} data-role={message.role}>
            {textOf(message)}
          </li>
        ))}
      </ol>
      {error !== undefined && <p role="alert">{error.message}</p>}
      <Composer
        isAnswering={isAnswering}
        send={(text) => sendMessage({ text })}
        stop={() => stopAnswer(stop)}
      />
    </main>
  );

  async function stopAnswer(stopReading: () => Promise<void>) {
    await stopReading();
    // Over HTTP, to stop reading stops nothing on the server; over a WebSocket it does, and this finds nothing left to stop.
    await fetch(`/api/chat/${encodeURIComponent(id)}/stop`, { method: "POST" });
  }
}

/** What Tachikoma's own hooks add: the connection, and who else is looking at this chat. */
function Header({ id, isAnswering }: { readonly id: string; readonly isAnswering: boolean }) {
  const connection = useConnection();
  const { members } = usePresence(`chat:${id}`, { isAnswering });
  return (
    <header>
      <h1>Chat {id}</h1>
      <span data-testid="connection">{connection.state}</span>
      <span data-testid="present">{members.length} here</span>
      <button type="button" onClick={() => client.dropConnection()}>
        Cut the connection
      </button>
    </header>
  );
}

interface ComposerProps {
  readonly isAnswering: boolean;
  readonly send: (text: string) => void;
  readonly stop: () => void;
}

function Composer({ isAnswering, send, stop }: ComposerProps) {
  const [text, setText] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === "") return;
    send(text);
    setText("");
  };
  return (
    <form onSubmit={submit}>
      <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} />
      {isAnswering ? (
        <button type="button" onClick={stop}>
          Stop
        </button>
      ) : (
        <button type="submit">Send</button>
      )}
    </form>
  );
}

function textOf({ parts }: UIMessage): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}
