import { RENEW_GENERATION } from "./generation-script.ts";
import { ACQUIRE_LEASE, EXPIRED_LEASES, FIND_LEASE, RELEASE_LEASE, RENEW_LEASE } from "./lease-scripts.ts";
import { APPEND, DELETE_LOG, LOG_STATES, OPEN_LOG, READ_LOG } from "./log-scripts.ts";
import { ENROLL, READ_ROSTER, STRIKE, STRIKE_LEASE } from "./roster-scripts.ts";
import type { Script } from "./script.ts";
import {
  CLAIM_RECEIPT,
  CLAIM_SESSION,
  DELETE_SESSION,
  LOAD_SESSION,
  SAVE_SESSION,
  UPDATE_RECEIPT,
} from "./session-scripts.ts";
import { SWEEP_EXPIRED, SWEEP_KEYS, SWEEP_LOGS, SWEEP_RECORDS } from "./sweep-scripts.ts";

/** What a server has to know before a connection to it is used. */
export const ALL_SCRIPTS: readonly Script[] = [
  RENEW_GENERATION,
  OPEN_LOG,
  APPEND,
  READ_LOG,
  LOG_STATES,
  DELETE_LOG,
  LOAD_SESSION,
  CLAIM_SESSION,
  SAVE_SESSION,
  DELETE_SESSION,
  CLAIM_RECEIPT,
  UPDATE_RECEIPT,
  ACQUIRE_LEASE,
  FIND_LEASE,
  RENEW_LEASE,
  RELEASE_LEASE,
  EXPIRED_LEASES,
  ENROLL,
  STRIKE,
  READ_ROSTER,
  STRIKE_LEASE,
  SWEEP_EXPIRED,
  SWEEP_KEYS,
  SWEEP_RECORDS,
  SWEEP_LOGS,
];
