import { useEffect, useMemo, useState } from "preact/hooks";
import { freshId } from "./fresh-id.ts";
import { Access, browserClientId } from "./playground/access.ts";
import { Connection } from "./playground/connection.ts";
import { KeyForm } from "./playground/key-form.tsx";
import { PlaygroundPage } from "./playground/playground-page.tsx";
import { formatRoute, parseRoute, type Route } from "./route.ts";

/** The whole page: the route of the address, the door, and behind it the page that the route names. */
export function App() {
  const route = useRoute();
  const access = useMemo(() => new Access(new URL("api/stats", document.baseURI), sessionStorage), []);
  useEffect(() => void access.start(), [access]);

  const state = access.state.value;
  switch (state.state) {
    case "checking":
      return null;
    case "locked":
      return <KeyForm wasRefused={state.wasRefused} onUnlock={(token) => void access.unlock(token)} />;
    case "open":
      return <Connected key={state.token} access={access} token={state.token} route={route} />;
  }
}

interface ConnectedProps {
  readonly access: Access;
  readonly token: string | undefined;
  readonly route: Route;
}

function Connected({ access, token, route }: ConnectedProps) {
  const connection = useMemo(
    () =>
      new Connection({
        address: socketAddress(),
        clientId: browserClientId(localStorage, () => `web-${freshId(10)}`),
        token,
      }),
    [token],
  );
  useEffect(() => () => connection.close(), [connection]);
  return <PlaygroundPage access={access} connection={connection} chatId={route.chatId} />;
}

/** The route of the address; an address that names no chat gets a fresh one, without a step in the history. */
function useRoute(): Route {
  const [route, setRoute] = useState(currentRoute);
  useEffect(() => {
    const follow = () => setRoute(currentRoute());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

function currentRoute(): Route {
  const known = parseRoute(location.hash);
  if (known !== undefined) return known;
  const fresh: Route = { page: "chat", chatId: freshId(10) };
  history.replaceState(null, "", formatRoute(fresh));
  return fresh;
}

function socketAddress(): URL {
  const address = new URL("ws", document.baseURI);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.hash = "";
  return address;
}
