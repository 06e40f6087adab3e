/** What stands in the lease of an execution, for whoever takes it when its owner is gone. */
import type { OnUnwatched } from "@tachikoma/protocol";
import type { NewRecord } from "../../stores/store.ts";
import type { Identity } from "../identity.ts";

export const LEASE_PREFIX = "execution:";

/** A lease is read whenever somebody looks for its owner. */
export const MAX_RUN_BYTES = 256 * 1024;

export interface LeaseBody {
  readonly tenant: string;
  readonly channel: string;
  readonly executionId: string;
  readonly started: NewRecord;
  /** Only where the next owner is to run the execution anew. Without it all that is left is to end it. */
  readonly run?: Run;
}

/** One attempt to run an execution. */
export interface Run {
  readonly handlerName: string;
  readonly identity: Identity;
  readonly sessionId: string | undefined;
  readonly input: unknown;
  readonly onUnwatched: OnUnwatched;
  /** Counts from 1. */
  readonly attempt: number;
  /** When the first attempt was asked for. */
  readonly startedAtMs: number;
}

export function leaseName(tenant: string, executionId: string): string {
  return `${LEASE_PREFIX}${JSON.stringify([tenant, executionId])}`;
}

export function encodeLeaseBody(body: LeaseBody): string {
  return JSON.stringify(body);
}

export function decodeLeaseBody(text: string): LeaseBody {
  return JSON.parse(text) as LeaseBody;
}

const utf8 = new TextEncoder();

/** How large a run is in a lease, in bytes of JSON. */
export function runBytes(run: Run): number {
  return utf8.encode(JSON.stringify(run)).length;
}
