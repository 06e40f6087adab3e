/** What the door found out about who knocks, and the client id that follows from it. */
import { RESERVED_PREFIX, TachikomaError } from "@tachikoma/protocol";
import { DEFAULT_TENANT, type Grant, type Identity } from "./identity.ts";

export interface Credential {
  /** Does not start with `~`. @default "default" */
  readonly tenant?: string | undefined;
  /** Who signed in. Absent for a holder who is trusted to name any client: without authentication, or with the API key. */
  readonly subject?: string | undefined;
  /** The client id that goes with the credential; a request that names another is refused. */
  readonly clientId?: string | undefined;
  readonly grants?: readonly Grant[] | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAtMs?: number | undefined;
}

/** Subject of those who are trusted to name any client. */
export const TRUSTED_SUBJECT = "trusted";

/**
 * The identity of one connection.
 *
 * A signed-in subject owns the client ids that are its own name or begin with it and a colon (`alice`, `alice:phone`): an id
 * opens an inbox, so nobody may pick another's.
 *
 * @param requestedClientId what the request says; without it the session's, else one is made
 * @throws FORBIDDEN when the client id belongs to someone else, or the tenant is a reserved one
 */
export function identityFor(
  credential: Credential,
  requestedClientId: string | undefined,
  sessionClientId: string | undefined,
  freshClientId: () => string,
): Identity {
  const wanted = requestedClientId ?? sessionClientId;
  const { tenant = DEFAULT_TENANT } = credential;
  // What nodes write to each other is kept under such a tenant.
  if (tenant.startsWith(RESERVED_PREFIX))
    throw new TachikomaError("FORBIDDEN", `Tenant ${JSON.stringify(tenant)} is reserved`);
  return {
    tenant,
    subject: credential.subject ?? TRUSTED_SUBJECT,
    clientId: clientIdFor(credential, wanted, requestedClientId !== undefined, freshClientId),
    grants: credential.grants,
    expiresAtMs: credential.expiresAtMs,
  };
}

function clientIdFor(
  credential: Credential,
  wanted: string | undefined,
  isRequested: boolean,
  freshClientId: () => string,
): string {
  const { subject, clientId } = credential;
  const own = clientId ?? subject;
  if (own === undefined) return wanted ?? freshClientId();
  if (wanted === undefined || wanted === own) return own;
  const isOwned = clientId === undefined && wanted.startsWith(`${own}:`);
  if (isOwned) return wanted;
  // A session of someone else is answered with a fresh one, not with a refusal.
  if (!isRequested) return own;
  throw new TachikomaError("FORBIDDEN", `client_id ${JSON.stringify(wanted)} does not belong to ${own}`);
}
