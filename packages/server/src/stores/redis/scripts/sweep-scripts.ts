/**
 * The slices of a sweep. Each returns how much it found to do, so that the caller knows whether there may be more. Nodes may sweep
 * at the same time: what one has removed the other does not find.
 */
import { LOG_LUA } from "./log-lua.ts";
import { writeScript } from "./script.ts";

/** KEYS: sessions or receipts. ARGV: generation, now, word for the kind, limit. */
export const SWEEP_EXPIRED = writeScript(
  "sweep-expired",
  `
local names = redis.call("ZRANGE", KEYS[1], "-inf", digits(timeOf(ARGV[2])), "BYSCORE", "LIMIT", 0, ARGV[4])
for _, name in ipairs(names) do
  redis.call("UNLINK", root .. ARGV[3] .. ":" .. name)
  redis.call("ZREM", KEYS[1], name)
end
return #names
`,
  { allowsFullMemory: true },
);

/** KEYS: keyed. ARGV: generation, time of the newest key to forget, limit of keys. */
export const SWEEP_KEYS = writeScript(
  "sweep-keys",
  `
local untilMs, budget = digits(timeOf(ARGV[2])), tonumber(ARGV[3])
local names = redis.call("ZRANGE", KEYS[1], "-inf", untilMs, "BYSCORE", "LIMIT", 0, budget)
local count = 0
for _, name in ipairs(names) do
  if count >= budget then break end
  local times = root .. "key-times:" .. name
  local keys = redis.call("ZRANGE", times, "-inf", untilMs, "BYSCORE", "LIMIT", 0, budget - count)
  for _, key in ipairs(keys) do
    redis.call("HDEL", root .. "keys:" .. name, key)
    redis.call("ZREM", times, key)
  end
  -- One for the log itself, so that a list of logs without keys ends too.
  count = count + 1 + #keys
  local oldest = redis.call("ZRANGE", times, 0, 0, "WITHSCORES")
  if oldest[2] then
    redis.call("ZADD", KEYS[1], oldest[2], name)
  else
    redis.call("ZREM", KEYS[1], name)
    local log = storedLog(name)
    if log then noteIdle(log) end
  end
end
return count
`,
  { uses: [LOG_LUA], allowsFullMemory: true },
);

/** KEYS: due. ARGV: generation, now, limit of logs, limit of pieces. */
export const SWEEP_RECORDS = writeScript(
  "sweep-records",
  `
local nowMs, budget = timeOf(ARGV[2]), tonumber(ARGV[4])
local byAge = { maxRecords = math.huge, maxBytes = math.huge }

local function sweepLog(name)
  local log = storedLog(name)
  budget = budget - trimLog(log, byAge, nowMs, budget)
  saveLog(log)
  noteIdle(log)
end

local names = redis.call("ZRANGE", KEYS[1], "-inf", digits(nowMs), "BYSCORE", "LIMIT", 0, ARGV[3])
for _, name in ipairs(names) do
  if budget == 0 then break end
  -- One that somebody else has damaged must not keep the others from being swept: it waits for its next append.
  if not pcall(sweepLog, name) then redis.call("ZREM", KEYS[1], name) end
end
return { #names, budget }
`,
  { uses: [LOG_LUA], allowsFullMemory: true },
);

/** KEYS: idle. ARGV: generation, time of the latest append of a log that may go, limit of logs. */
export const SWEEP_LOGS = writeScript(
  "sweep-logs",
  `
local names = redis.call("ZRANGE", KEYS[1], "-inf", digits(timeOf(ARGV[2])), "BYSCORE", "LIMIT", 0, ARGV[3])
for _, name in ipairs(names) do
  redis.call("UNLINK", root .. "log:" .. name, root .. "pieces:" .. name)
  redis.call("ZREM", KEYS[1], name)
end
return #names
`,
  { allowsFullMemory: true },
);
