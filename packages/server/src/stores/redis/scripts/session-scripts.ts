/**
 * A session is a hash `session:TENANT/ID`: what does not change between two writes as one JSON text, and beside it what the
 * scripts decide by. `sessions` says when each is over.
 */
import { NUMBERS_LUA } from "./generation-script.ts";
import { readScript, writeScript } from "./script.ts";

/** KEYS: session. ARGV: generation, a moment. How long it lasts is told from that moment on. */
export const LOAD_SESSION = readScript(
  "load-session",
  `
local stored = redis.call("HMGET", KEYS[1], "body", "holder", "node", "revision", "expiresAtMs")
if not stored[1] then return false end
stored[5] = digits(stored[5] - timeOf(ARGV[2]))
return stored
`,
);

/**
 * KEYS: session. ARGV: generation, a moment, node of the connection. Returns the session, and whose it was. Its number is of this
 * generation: takings that a failover has lost were under lower ones.
 */
export const CLAIM_SESSION = writeScript(
  "claim-session",
  `
local stored = redis.call("HMGET", KEYS[1], "body", "holder", "node", "revision", "expiresAtMs")
if not stored[1] then return false end
local previousHolder, previousNode = stored[2], stored[3]
stored[2] = digits(math.max(tonumber(previousHolder), firstNumber) + 1)
stored[3], stored[4] = ARGV[3], "0"
redis.call("HSET", KEYS[1], "holder", stored[2], "node", ARGV[3], "revision", "0")
stored[5] = digits(stored[5] - timeOf(ARGV[2]))
return { stored, previousHolder, previousNode }
`,
  { uses: [NUMBERS_LUA] },
);

/** KEYS: session. ARGV: generation, expiry, holder, revision, node, body. The rule of session-holder.ts. */
export const SAVE_SESSION = writeScript(
  "save-session",
  `
local holder, revision = tonumber(ARGV[3]), tonumber(ARGV[4])
local stored = redis.call("HMGET", KEYS[1], "holder", "revision")
if stored[1] then
  local storedHolder = tonumber(stored[1])
  if holder < storedHolder then return 0 end
  if holder == storedHolder and revision <= tonumber(stored[2]) then return 1 end
end
local expiresAtMs = timeOf(ARGV[2])
redis.call("HSET", KEYS[1], "body", ARGV[6], "holder", ARGV[3], "node", ARGV[5], "revision", ARGV[4],
  "expiresAtMs", digits(expiresAtMs))
redis.call("ZADD", root .. "sessions", expiresAtMs, nameIn(KEYS[1], "session"))
return 1
`,
);

/** KEYS: session. ARGV: generation. */
export const DELETE_SESSION = writeScript(
  "delete-session",
  `
redis.call("UNLINK", KEYS[1])
redis.call("ZREM", root .. "sessions", nameIn(KEYS[1], "session"))
`,
  { allowsFullMemory: true },
);

/** KEYS: receipt. ARGV: generation, expiry, receipt. Returns the one that is there. */
export const CLAIM_RECEIPT = writeScript(
  "claim-receipt",
  `
local stored = redis.call("GET", KEYS[1])
if stored then return stored end
redis.call("SET", KEYS[1], ARGV[3])
redis.call("ZADD", root .. "receipts", timeOf(ARGV[2]), nameIn(KEYS[1], "receipt"))
return ARGV[3]
`,
);

/** KEYS: receipt. ARGV: generation, receipt. */
export const UPDATE_RECEIPT = writeScript("update-receipt", `redis.call("SET", KEYS[1], ARGV[2], "XX")`);
