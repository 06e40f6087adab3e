/** Servers that let in whom they should not. */
import { NamespaceTable, type PermissionRequest } from "../../packages/server/src/core/namespace.ts";
import { SESSION_TTL_MS } from "../node/server-options.ts";
import type { Mutant } from "./mutant.ts";

/** Whoever was once allowed to read a channel is taken to be allowed for ever. */
function rememberingPermissions(namespaces: NamespaceTable): NamespaceTable {
  const allowed = new Set<string>();
  const withMemory = (name: string) => {
    const config = namespaces.configOf(`${name}:1`);
    const canSubscribe = async (request: PermissionRequest) => {
      const key = `${request.identity.clientId} ${request.channel}`;
      if (allowed.has(key)) return true;
      const isAllowed = (await config.canSubscribe?.(request)) ?? true;
      if (isAllowed) allowed.add(key);
      return isAllowed;
    };
    return { ...config, canSubscribe };
  };
  return new NamespaceTable(
    { chat: withMemory("chat"), small: withMemory("small") },
    namespaces.configOf("other"),
    SESSION_TTL_MS,
  );
}

export const DOOR_MUTANTS: Readonly<Record<string, Mutant>> = {
  "does not ask again whether a client that comes back may read": {
    variant: {
      wrapOptions: (options) => ({ ...options, namespaces: rememberingPermissions(options.namespaces) }),
    },
    plan: { mayRevoke: true },
  },
};
