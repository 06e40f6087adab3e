/**
 * A lease is a hash `lease:NAME`; `leases` says when each ends. With it lies the number of the last write under its token and
 * where that went, for the append script.
 */
import { NUMBERS_LUA } from "./generation-script.ts";
import { readScript, writeScript } from "./script.ts";

/** Names that a search for expired leases looks at in one step. */
const NAMES_PER_STEP = 100;

/** KEYS: lease. ARGV: generation, now, owner, time to live, body. Returns the token. */
export const ACQUIRE_LEASE = writeScript(
  "acquire-lease",
  `
local nowMs = timeOf(ARGV[2])
local endsAtMs = redis.call("HGET", KEYS[1], "expiresAtMs")
if endsAtMs and tonumber(endsAtMs) > nowMs then return false end
local token = redis.call("INCR", root .. "counter")
local expiresAtMs = nowMs + tonumber(ARGV[4])
redis.call("DEL", KEYS[1])
redis.call("HSET", KEYS[1], "token", digits(token), "owner", ARGV[3], "body", ARGV[5], "expiresAtMs", digits(expiresAtMs))
redis.call("ZADD", root .. "leases", expiresAtMs, nameIn(KEYS[1], "lease"))
return digits(token)
`,
);

/** KEYS: lease. ARGV: generation, a moment. How long it lasts is told from that moment on. */
export const FIND_LEASE = readScript(
  "find-lease",
  `
local stored = redis.call("HMGET", KEYS[1], "owner", "token", "body", "expiresAtMs")
if not stored[1] then return false end
stored[4] = digits(stored[4] - timeOf(ARGV[2]))
return stored
`,
);

/** KEYS: lease. ARGV: generation, now, token, time to live. */
export const RENEW_LEASE = writeScript(
  "renew-lease",
  `
if redis.call("HGET", KEYS[1], "token") ~= ARGV[3] then return 0 end
local expiresAtMs = timeOf(ARGV[2]) + tonumber(ARGV[4])
redis.call("HSET", KEYS[1], "expiresAtMs", digits(expiresAtMs))
redis.call("ZADD", root .. "leases", expiresAtMs, nameIn(KEYS[1], "lease"))
return 1
`,
  { allowsFullMemory: true },
);

/**
 * KEYS: lease. ARGV: generation, token. A token of an earlier generation releases nothing: what was written under it may be lost, and
 * whoever finds the lease expired looks for that.
 */
export const RELEASE_LEASE = writeScript(
  "release-lease",
  `
if redis.call("HGET", KEYS[1], "token") ~= ARGV[2] or tonumber(ARGV[2]) <= firstNumber then return 0 end
redis.call("DEL", KEYS[1])
redis.call("ZREM", root .. "leases", nameIn(KEYS[1], "lease"))
return 1
`,
  { uses: [NUMBERS_LUA], allowsFullMemory: true },
);

/** KEYS: leases. ARGV: generation, now, prefix of the name, limit. */
export const EXPIRED_LEASES = readScript(
  "expired-leases",
  `
local nowMs, prefix, limit = timeOf(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local found, offset = {}, 0
while true do
  local names = redis.call("ZRANGE", KEYS[1], "-inf", digits(nowMs), "BYSCORE", "LIMIT", offset, ${NAMES_PER_STEP})
  for _, name in ipairs(names) do
    if #found == limit then return found end
    if string.sub(name, 1, #prefix) == prefix then
      local stored = redis.call("HMGET", root .. "lease:" .. name, "owner", "token", "body", "expiresAtMs")
      if stored[1] then found[#found + 1] = { name, stored[1], stored[2], stored[3], digits(stored[4] - nowMs) } end
    end
  end
  if #names < ${NAMES_PER_STEP} then return found end
  offset = offset + ${NAMES_PER_STEP}
end
`,
);
