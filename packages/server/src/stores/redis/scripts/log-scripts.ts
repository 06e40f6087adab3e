import { LOG_LUA } from "./log-lua.ts";
import { readScript, writeScript } from "./script.ts";

/** Pieces that one append may drop: where retention shrank a lot, several appends share the work. */
const MAX_TRIMMED_PIECES = 64;
/** Pieces that a read fetches at once. */
const MAX_PIECES_PER_FETCH = 128;

/** KEYS: log. ARGV: generation, now, fresh epoch, origin tag. */
export const OPEN_LOG = writeScript(
  "open-log",
  `
local name = nameIn(KEYS[1], "log")
local log = findLog(name, ARGV[3]) or createLog(name, ARGV[3], ARGV[4], timeOf(ARGV[2]))
return stateOf(log)
`,
  { uses: [LOG_LUA] },
);

/**
 * KEYS: log, and the lease that fences the append. ARGV: generation, now, fresh epoch, origin tag, tag of the append, record
 * count, byte count, three of retention, node of the caller, idempotency key after a "k", token, write number, expected head, kinds,
 * bodies.
 *
 * The entry of the stream is the first thing that is written: where Redis refuses it, nothing was changed.
 */
export const APPEND = writeScript(
  "append",
  `
local name = nameIn(KEYS[1], "log")
local idempotencyKey, token, write, expectedHead = ARGV[12], ARGV[13], ARGV[14], ARGV[15]
local log = findLog(name, ARGV[3])

if idempotencyKey ~= "" and log then
  local earlier = redis.call("HGET", root .. "keys:" .. name, idempotencyKey)
  if earlier then return { "duplicate", log.epoch, earlier } end
end
if KEYS[2] then
  local lease = redis.call("HMGET", KEYS[2], "token", "write", "wrote", "wroteEpoch")
  if lease[1] ~= token then return { "fenced", lease[1] } end
  if write ~= "" and lease[2] then
    if tonumber(write) < tonumber(lease[2]) then return { "late", lease[2] } end
    if write == lease[2] then return { "duplicate", log and log.epoch or lease[4], lease[3] } end
  end
end

if expectedHead ~= "" then
  local head = log and log.epoch .. "." .. digits(log.headSeq) .. "." .. log.headTag
  if head ~= expectedHead then return { "moved", head or false } end
end

local nowMs = timeOf(ARGV[2])
log = log or createLog(name, ARGV[3], ARGV[4], nowMs)
local wasEmpty = log.headSeq == log.baseSeq
local firstSeq, lastSeq = log.headSeq + 1, log.headSeq + tonumber(ARGV[6])
local tag, byteCount = ARGV[5], tonumber(ARGV[7])
redis.call("XADD", root .. "pieces:" .. name, digits(lastSeq) .. "-0",
  "first", digits(firstSeq), "tag", tag, "time", digits(nowMs), "bytes", ARGV[7], "kinds", ARGV[16], "bodies", ARGV[17])

log.headSeq, log.headTag = lastSeq, tag
log.byteCount = log.byteCount + byteCount
log.maxAgeMs = tonumber(ARGV[10])
log.appendedAtMs = nowMs
if wasEmpty then
  log.oldestSeq, log.oldestTag, log.oldestBytes, log.oldestMs = lastSeq, tag, byteCount, nowMs
  redis.call("ZREM", root .. "idle", name)
end

local place = digits(firstSeq) .. " " .. digits(lastSeq) .. " " .. tag .. " " .. digits(nowMs)
if idempotencyKey ~= "" then
  redis.call("HSET", root .. "keys:" .. name, idempotencyKey, place)
  redis.call("ZADD", root .. "key-times:" .. name, nowMs, idempotencyKey)
  redis.call("ZADD", root .. "keyed", "NX", nowMs, name)
end
if write ~= "" then redis.call("HSET", KEYS[2], "write", write, "wrote", place, "wroteEpoch", log.epoch) end

trimLog(log, { maxRecords = tonumber(ARGV[8]), maxBytes = tonumber(ARGV[9]) }, nowMs, ${MAX_TRIMMED_PIECES})
saveLog(log)
noteIdle(log)
redis.call("SPUBLISH", root .. "hints:" .. name, ARGV[11] .. " h " .. log.epoch .. "." .. digits(lastSeq) .. "." .. tag)
return { "appended", log.epoch, place }
`,
  { uses: [LOG_LUA] },
);

/**
 * KEYS: log. ARGV: generation, fresh epoch, after seq, max records, max bytes. Returns the ends and the entries that hold the
 * records asked for, and maybe some more on both sides.
 */
export const READ_LOG = readScript(
  "read-log",
  `
local name = nameIn(KEYS[1], "log")
local log = findLog(name, ARGV[2])
if not log then return false end
local fromSeq = math.max(tonumber(ARGV[3]), log.baseSeq) + 1
local maxRecords, maxBytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local entries = {}
if fromSeq > log.headSeq then return { stateOf(log), entries } end

-- As many at once as the average says are needed: an entry can be a few bytes or some megabytes.
local key = root .. "pieces:" .. name
local pieceCount = math.max(1, redis.call("XLEN", key))
local wanted = math.min(
  maxRecords * pieceCount / (log.headSeq - log.baseSeq),
  maxBytes * pieceCount / math.max(1, log.byteCount),
  ${MAX_PIECES_PER_FETCH - 1})
local fetchCount = math.floor(wanted) + 1
local start = digits(fromSeq) .. "-0"
local byteCount = 0
while true do
  local page = redis.call("XRANGE", key, start, "+", "COUNT", fetchCount)
  for _, entry in ipairs(page) do
    entries[#entries + 1] = entry
    local fields = fieldsOf(entry)
    -- Of the first one some records may lie before what was asked for.
    if #entries > 1 or tonumber(fields.first) == fromSeq then byteCount = byteCount + (tonumber(fields.bytes) or 0) end
    if lastSeqOf(entry) - fromSeq + 1 >= maxRecords or byteCount >= maxBytes then return { stateOf(log), entries } end
    start = "(" .. entry[1]
  end
  if #page < fetchCount then return { stateOf(log), entries } end
end
`,
  { uses: [LOG_LUA] },
);

/** KEYS: logs. ARGV: generation, and a fresh epoch for each. */
export const LOG_STATES = readScript(
  "log-states",
  `
local states = {}
for index, key in ipairs(KEYS) do
  local log = findLog(nameIn(key, "log"), ARGV[index + 1])
  states[index] = log and stateOf(log) or false
end
return states
`,
  { uses: [LOG_LUA] },
);

/** KEYS: log. ARGV: generation. Redis frees what it held in the background. */
export const DELETE_LOG = writeScript(
  "delete-log",
  `
local name = nameIn(KEYS[1], "log")
redis.call("UNLINK", KEYS[1], root .. "pieces:" .. name, root .. "keys:" .. name, root .. "key-times:" .. name)
redis.call("ZREM", root .. "due", name)
redis.call("ZREM", root .. "keyed", name)
redis.call("ZREM", root .. "idle", name)
`,
  { allowsFullMemory: true },
);
