/**
 * Direct sends and broadcasts are records too: in the inbox of a session, of a client, or of everyone. Every session follows
 * its three inboxes from its start, so what is sent while it is away is there when it comes back.
 */
import { RESERVED_PREFIX } from "@tachikoma/protocol";

export const ALL_INBOX = `${RESERVED_PREFIX}all`;

export function sessionInbox(sessionId: string): string {
  return `${RESERVED_PREFIX}session:${sessionId}`;
}

export function clientInbox(clientId: string): string {
  return `${RESERVED_PREFIX}client:${clientId}`;
}

export function inboxesOf(session: { readonly id: string; readonly clientId: string }): readonly string[] {
  return [sessionInbox(session.id), clientInbox(session.clientId), ALL_INBOX];
}

export function isInbox(channel: string): boolean {
  return channel.startsWith(RESERVED_PREFIX);
}
