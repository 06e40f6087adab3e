import { TachikomaProvider } from "@tachikoma/client/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Chat } from "./chat.tsx";
import { client } from "./client.ts";

// The chat is named in the address: a refresh or a second tab shows the same one.
if (location.hash === "") location.hash = `#${crypto.randomUUID().slice(0, 8)}`;

createRoot(document.querySelector("#root")!).render(
  <StrictMode>
    <TachikomaProvider client={client}>
      <Chat id={location.hash.slice(1)} />
    </TachikomaProvider>
  </StrictMode>,
);
