import { shaOf } from "./script.ts";

/** Numbers that one generation has for the tokens of leases, the versions of rosters and the holders of a session. */
const NUMBERS_PER_GENERATION = 2 ** 27;
/** A clock that says more than this, in the year 2134, is broken. */
const MAX_MINUTES = 60_000_000;
const SECONDS_UNTIL_2020 = 1_577_836_800;

/**
 * The generation of the server behind a connection. It grows whenever the server is not the one that it was, because what that
 * one had answered last may be missing here. The minutes make it grow across a loss of everything.
 *
 * KEYS: server. ARGV: identity of the server, the greatest generation that the caller has seen.
 */
const TEXT = `
local root = string.match(KEYS[1], "^{[^}]*}:")
local stored = redis.call("HMGET", KEYS[1], "identity", "generation")
local last, seen = tonumber(stored[2] or "0"), tonumber(ARGV[2])
if stored[1] == ARGV[1] and last >= seen then return last end

local minutes = math.floor((redis.call("TIME")[1] - ${SECONDS_UNTIL_2020}) / 60)
if minutes > ${MAX_MINUTES} then minutes = 0 end
local generation = math.max(last + 1, seen + 1, minutes)
redis.call("HSET", KEYS[1], "identity", ARGV[1], "generation", string.format("%.0f", generation))

-- Tokens and versions go on beyond any that were given before and may be forgotten here.
local floor = generation * ${NUMBERS_PER_GENERATION}
if tonumber(redis.call("GET", root .. "counter") or "0") < floor then
  redis.call("SET", root .. "counter", string.format("%.0f", floor))
end
return generation
`;

export const RENEW_GENERATION = {
  name: "renew-generation",
  text: TEXT,
  sha: shaOf(TEXT),
  isWrite: true,
} as const;

/** The first of the numbers of this generation, for the scripts. */
export const NUMBERS_LUA = `
local firstNumber = tonumber(generation) * ${NUMBERS_PER_GENERATION}
`;
