/**
 * A roster is a hash `roster:TENANT/KIND/NAME`: its version under "v", and under "e" and its id each entry, as LEASE/VALUE. The set
 * `enrolled:LEASE` names all entries under one lease. An empty roster is forgotten.
 */
import { NUMBERS_LUA } from "./generation-script.ts";
import { readScript, writeScript } from "./script.ts";

const ROSTER_LUA = `
${NUMBERS_LUA}
local function leaseIn(entry)
  return string.match(entry, "^[^/]*")
end

-- The version after a change. One that was forgotten, or may have lost changes since the generation before this one, must not come
-- back with a number that a reader knows: it goes on from the counter, which is beyond all of them.
local function noteChange(key)
  local counter = tonumber(redis.call("GET", root .. "counter") or "0")
  local version = tonumber(redis.call("HGET", key, "v") or "0")
  version = version > firstNumber and version + 1 or counter + 1
  if version > counter then redis.call("SET", root .. "counter", digits(version)) end
  if redis.call("HLEN", key) == 1 then
    redis.call("DEL", key)
  else
    redis.call("HSET", key, "v", digits(version))
  end
  return digits(version)
end

local function isLive(lease, nowMs, known)
  if known[lease] == nil then
    known[lease] = tonumber(redis.call("ZSCORE", root .. "leases", lease) or "-inf") > nowMs
  end
  return known[lease]
end

-- Calls what is given with the id, lease and value of each entry that counts.
local function eachLive(key, nowMs, call)
  local all, known = redis.call("HGETALL", key), {}
  for index = 1, #all, 2 do
    local lease = leaseIn(all[index + 1])
    if all[index] ~= "v" and isLive(lease, nowMs, known) then
      call(string.sub(all[index], 2), lease, string.sub(all[index + 1], #lease + 2))
    end
  end
end
`;

/** KEYS: roster. ARGV: generation, now, id, lease, value, max entries. */
export const ENROLL = writeScript(
  "enroll",
  `
local id, lease, value, maxEntries = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local before = redis.call("HGET", KEYS[1], "e" .. id)
local others = math.max(0, redis.call("HLEN", KEYS[1]) - 1) - (before and 1 or 0)
if maxEntries and others >= maxEntries then
  local count = 0
  eachLive(KEYS[1], timeOf(ARGV[2]), function(other) if other ~= id then count = count + 1 end end)
  if count >= maxEntries then return false end
end
local member = nameIn(KEYS[1], "roster") .. "/" .. id
if before then redis.call("SREM", root .. "enrolled:" .. leaseIn(before), member) end
redis.call("HSETNX", KEYS[1], "v", "0")
redis.call("HSET", KEYS[1], "e" .. id, lease .. "/" .. value)
redis.call("SADD", root .. "enrolled:" .. lease, member)
return noteChange(KEYS[1])
`,
  { uses: [ROSTER_LUA] },
);

/** KEYS: roster. ARGV: generation, id, lease, value. */
export const STRIKE = writeScript(
  "strike",
  `
local id, lease = ARGV[2], ARGV[3]
if redis.call("HGET", KEYS[1], "e" .. id) ~= lease .. "/" .. ARGV[4] then return false end
redis.call("HDEL", KEYS[1], "e" .. id)
redis.call("SREM", root .. "enrolled:" .. lease, nameIn(KEYS[1], "roster") .. "/" .. id)
return noteChange(KEYS[1])
`,
  { uses: [ROSTER_LUA], allowsFullMemory: true },
);

/** KEYS: roster. ARGV: generation, now. */
export const READ_ROSTER = readScript(
  "read-roster",
  `
local version = tonumber(redis.call("HGET", KEYS[1], "v"))
if not version then return { "0", {} } end
local entries = {}
eachLive(KEYS[1], timeOf(ARGV[2]), function(...) entries[#entries + 1] = { ... } end)
return { digits(math.max(version, firstNumber)), entries }
`,
  { uses: [ROSTER_LUA] },
);

/** KEYS: enrolled. ARGV: generation, limit. Returns how many entries it took, and the rosters they were in. */
export const STRIKE_LEASE = writeScript(
  "strike-lease",
  `
local lease = nameIn(KEYS[1], "enrolled")
local members = redis.call("SPOP", KEYS[1], ARGV[2])
local changed, names = {}, {}
for _, member in ipairs(members) do
  local name, id = string.match(member, "^(.*)/([^/]*)$")
  local key = root .. "roster:" .. name
  local entry = redis.call("HGET", key, "e" .. id)
  if entry and leaseIn(entry) == lease then
    redis.call("HDEL", key, "e" .. id)
    if not changed[name] then names[#names + 1] = name end
    changed[name] = true
  end
end
for _, name in ipairs(names) do noteChange(root .. "roster:" .. name) end
return { #members, names }
`,
  { uses: [ROSTER_LUA], allowsFullMemory: true },
);
