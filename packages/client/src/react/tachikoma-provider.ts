import { createContext, createElement, type ReactElement, type ReactNode, useContext } from "react";
import type { TachikomaClient } from "../api.ts";

export interface TachikomaProviderProps {
  /** The page's client. `undefined` where there is none yet, as while a page is rendered on a server: the hooks then wait. */
  readonly client: TachikomaClient | undefined;
  readonly children?: ReactNode;
}

/** `null`: there is no provider. */
const ClientContext = createContext<TachikomaClient | undefined | null>(null);

/**
 * Gives its client to the hooks below it. Closing the client stays with who made it.
 *
 * @example
 * const client = connect("/", { token: () => fetchToken() });
 * createRoot(element).render(<TachikomaProvider client={client}><App /></TachikomaProvider>);
 */
export function TachikomaProvider({ client, children }: TachikomaProviderProps): ReactElement {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/**
 * The client of the nearest provider, or `undefined` where that has none yet.
 *
 * @throws TypeError outside of a `TachikomaProvider`
 */
export function useTachikoma(): TachikomaClient | undefined {
  const client = useContext(ClientContext);
  if (client === null) throw new TypeError("There is no TachikomaProvider around this component");
  return client;
}
