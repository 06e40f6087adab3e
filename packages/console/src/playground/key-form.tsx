import { useState } from "preact/hooks";
import { Button } from "../design/button.tsx";
import { Logo } from "../design/logo.tsx";

interface KeyFormProps {
  readonly wasRefused: boolean;
  readonly onUnlock: (token: string) => void;
}

/** Asks for the API key. It stays in this tab and is never part of an address of the page. */
export function KeyForm({ wasRefused, onUnlock }: KeyFormProps) {
  const [token, setToken] = useState("");
  return (
    <main class="door">
      <form
        class="door-card"
        data-testid="key-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== "") onUnlock(token.trim());
        }}
      >
        <Logo />
        <h1>This server asks for a key</h1>
        <p>It is kept in this tab and forgotten when the tab is closed.</p>
        {wasRefused && (
          <p class="notice" data-tone="bad" role="alert" data-testid="key-refused">
            The server did not accept that key.
          </p>
        )}
        <label for="key-input">API key or token</label>
        <input
          id="key-input"
          class="field"
          type="password"
          autocomplete="off"
          autofocus
          data-testid="key-input"
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <Button tone="primary" testId="key-submit" type="submit" disabled={token.trim() === ""}>
          Connect
        </Button>
      </form>
    </main>
  );
}
