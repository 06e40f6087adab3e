/**
 * The one place that says yes or no. Every verb of every surface asks here, live and on replay; a resume asks again for
 * each channel.
 */
import { channelIdOf, channelNameFault } from "@tachikoma/protocol";
import type { Grant, Identity, Verb } from "./identity.ts";
import type { NamespaceConfig, NamespaceTable, PermissionHook } from "./namespace.ts";

export type Authorize = (identity: Identity, verb: Verb, channel: string) => boolean | Promise<boolean>;

export function createAuthorize(namespaces: NamespaceTable, nowMs: () => number): Authorize {
  return (identity, verb, channel) => {
    if (isExpired(identity, nowMs())) return false;
    if (channelNameFault(channel) !== undefined) return false;
    if (!isGranted(identity.grants, verb, channel)) return false;
    const hook = hookFor(namespaces.configOf(channel), verb);
    if (hook === undefined) return true;
    return askHook(hook, identity, verb, channel);
  };
}

export function isExpired(identity: Identity, nowMs: number): boolean {
  return identity.expiresAtMs !== undefined && nowMs >= identity.expiresAtMs;
}

export function isGranted(grants: readonly Grant[] | undefined, verb: Verb, channel: string): boolean {
  if (grants === undefined) return true;
  return grants.some(
    (grant) => (grant.verbs === "all" || grant.verbs.includes(verb)) && matches(grant.channels, channel),
  );
}

function matches(pattern: string, channel: string): boolean {
  return pattern.endsWith("*") ? channel.startsWith(pattern.slice(0, -1)) : channel === pattern;
}

function askHook(
  hook: PermissionHook,
  identity: Identity,
  verb: Verb,
  channel: string,
): boolean | Promise<boolean> {
  try {
    const answer = hook({ identity, verb, channel, id: channelIdOf(channel) });
    // A hook that fails has not said yes.
    return typeof answer === "boolean" ? answer : answer.then(Boolean, () => false);
  } catch {
    return false;
  }
}

function hookFor(config: NamespaceConfig, verb: Verb): PermissionHook | undefined {
  switch (verb) {
    case "subscribe":
    case "history":
    case "presence":
      return config.canSubscribe;
    case "publish":
    case "signal":
      return config.canPublish;
    case "execute":
    case "cancel":
    case "input":
      return config.canExecute;
    case "custom":
      return undefined;
  }
}
