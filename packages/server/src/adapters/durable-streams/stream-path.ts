/**
 * Names of streams. What comes after the mount in the path of a URL is the name, in one spelling however it was encoded:
 *
 *   /v1/stream/chat/42   the channel `stream:chat/42`, for which permission is asked: grants and hooks name it
 *                        the log `~stream:chat/42`, which is the server's own: nobody can publish past the rules of streams
 */
import { RESERVED_PREFIX } from "@tachikoma/protocol";
import { badRequest, notFound } from "./stream-fault.ts";

export const MOUNT = "/v1/stream/";
const NAMESPACE = "stream";
/** Where the protocol has its subscriptions, which are not served. */
const RESERVED_SEGMENT = "__ds";

/** @throws StreamFault 400, 404 */
export function streamPath(urlPath: string): string {
  if (!urlPath.startsWith(MOUNT)) throw notFound();
  const path = urlPath.slice(MOUNT.length).split("/").map(spelledOnce).join("/");
  if (path === "" || path === RESERVED_SEGMENT || path.startsWith(`${RESERVED_SEGMENT}/`)) throw notFound();
  return path;
}

export function permissionChannel(path: string): string {
  return `${NAMESPACE}:${path}`;
}

export function logChannel(path: string): string {
  return `${RESERVED_PREFIX}${NAMESPACE}:${path}`;
}

function spelledOnce(segment: string): string {
  try {
    return encodeURIComponent(decodeURIComponent(segment));
  } catch {
    throw badRequest("The path is not percent-encoded as it should be");
  }
}
