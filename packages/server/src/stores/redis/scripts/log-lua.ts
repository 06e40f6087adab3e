/** A log in Redis, for the scripts that work on one:
 *
 *   log:NAME        hash     its ends, its size, what its latest append asked for, and its oldest piece
 *   pieces:NAME     stream   one entry for each append, under the id LASTSEQ-0
 *   keys:NAME       hash     where the append under an idempotency key went
 *   key-times:NAME  zset     when that was
 *   hints:NAME      topic    of its news
 *
 * and what a sweep looks at: `due` (when the oldest piece of a log is past its age), `keyed` (when the oldest idempotency key
 * of a log was made), `idle` (when a log was last appended to that is empty and remembers no key).
 */
export const LOG_LUA = `
-- The log as it is stored; nil when there is none.
local function storedLog(name)
  local stored = redis.call("HMGET", root .. "log:" .. name,
    "epoch", "generation", "headSeq", "headTag", "baseSeq", "baseTag", "byteCount", "maxAgeMs", "appendedAtMs",
    "oldestSeq", "oldestTag", "oldestBytes", "oldestMs", "dueAtMs")
  if not stored[1] then return nil end
  return {
    name = name, epoch = stored[1], generation = stored[2],
    headSeq = tonumber(stored[3]), headTag = stored[4], baseSeq = tonumber(stored[5]), baseTag = stored[6],
    byteCount = tonumber(stored[7]), maxAgeMs = tonumber(stored[8]), appendedAtMs = tonumber(stored[9]),
    oldestSeq = tonumber(stored[10]), oldestTag = stored[11],
    oldestBytes = tonumber(stored[12]), oldestMs = tonumber(stored[13]), dueAtMs = stored[14],
  }
end

-- The same for whoever reads or appends. Since the generation before this one the log may have lost its end, and the numbers
-- of what was lost would be given again: so it gets a new epoch first.
local function findLog(name, freshEpoch)
  local log = storedLog(name)
  if log and log.generation ~= generation then
    log.epoch = freshEpoch
    log.generation = generation
    redis.call("HSET", root .. "log:" .. name, "epoch", freshEpoch, "generation", generation)
  end
  return log
end

local function createLog(name, freshEpoch, originTag, nowMs)
  redis.call("HSET", root .. "log:" .. name,
    "epoch", freshEpoch, "generation", generation, "headSeq", "0", "headTag", originTag, "baseSeq", "0", "baseTag", originTag,
    "byteCount", "0", "maxAgeMs", "0", "appendedAtMs", digits(nowMs))
  redis.call("ZADD", root .. "idle", nowMs, name)
  return storedLog(name)
end

local function stateOf(log)
  return { log.epoch, digits(log.baseSeq), log.baseTag, digits(log.headSeq), log.headTag }
end

local function fieldsOf(entry)
  local fields = {}
  for index = 1, #entry[2], 2 do fields[entry[2][index]] = entry[2][index + 1] end
  return fields
end

local function lastSeqOf(entry)
  return tonumber(string.match(entry[1], "^%d+"))
end

-- Notes what is the first piece after the base. One that somebody else has damaged must not stop the log from being trimmed:
-- what cannot be read of it counts as little, and no reader holds the tag that stands in for it.
local function noteOldest(log)
  local entry = redis.call("XRANGE", root .. "pieces:" .. log.name, digits(log.baseSeq + 1) .. "-0", "+", "COUNT", 1)[1]
  if not entry then
    log.baseSeq, log.baseTag, log.byteCount = log.headSeq, log.headTag, 0
    return
  end
  local fields = fieldsOf(entry)
  log.oldestSeq = math.min(lastSeqOf(entry), log.headSeq)
  log.oldestTag = fields.tag or "-"
  log.oldestBytes = tonumber(fields.bytes) or 0
  log.oldestMs = tonumber(fields.time) or log.appendedAtMs
end

-- Drops the oldest pieces that are surplus, at most so many; returns how many. The rule of retention.ts.
local function trimLog(log, retention, nowMs, maxPieces)
  local count = 0
  while count < maxPieces and log.headSeq > log.baseSeq do
    local isSurplus = log.headSeq - log.oldestSeq >= retention.maxRecords
      or log.byteCount - log.oldestBytes >= retention.maxBytes
      or log.oldestMs + log.maxAgeMs <= nowMs
    if not isSurplus then break end
    log.baseSeq, log.baseTag = log.oldestSeq, log.oldestTag
    log.byteCount = log.byteCount - log.oldestBytes
    count = count + 1
    noteOldest(log)
  end
  if count > 0 then
    redis.call("XTRIM", root .. "pieces:" .. log.name, "MINID", "=", digits(log.baseSeq + 1) .. "-0")
  end
  return count
end

-- Puts the log on the list of those that are idle, if it is.
local function noteIdle(log)
  if log.headSeq > log.baseSeq or redis.call("EXISTS", root .. "key-times:" .. log.name) == 1 then return end
  redis.call("ZADD", root .. "idle", log.appendedAtMs, log.name)
end

local function saveLog(log)
  local isEmpty = log.headSeq == log.baseSeq
  local dueAtMs = isEmpty and "" or digits(log.oldestMs + log.maxAgeMs)
  redis.call("HSET", root .. "log:" .. log.name,
    "headSeq", digits(log.headSeq), "headTag", log.headTag, "baseSeq", digits(log.baseSeq), "baseTag", log.baseTag,
    "byteCount", digits(log.byteCount), "maxAgeMs", digits(log.maxAgeMs), "appendedAtMs", digits(log.appendedAtMs),
    "oldestSeq", digits(log.oldestSeq), "oldestTag", log.oldestTag,
    "oldestBytes", digits(log.oldestBytes), "oldestMs", digits(log.oldestMs), "dueAtMs", dueAtMs)
  if dueAtMs == log.dueAtMs then return end
  if isEmpty then
    redis.call("ZREM", root .. "due", log.name)
  else
    redis.call("ZADD", root .. "due", dueAtMs, log.name)
  end
end
`;
