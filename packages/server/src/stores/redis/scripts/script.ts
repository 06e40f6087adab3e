/**
 * Lua that runs inside Redis: one script for each step that must not be torn apart. Written for Redis 7.0.
 *
 * What every script may rely on:
 *   KEYS[1]  a key of ours; its first part, `{PREFIX}:`, starts all the others, so that all lie in one slot of a cluster
 *   ARGV[1]  the generation for which the caller has checked this server
 * Numbers beyond 2^46 lose digits when Lua joins them to a text; `digits` is there for them.
 */
import { createHash } from "node:crypto";

export interface Script {
  readonly name: string;
  readonly text: string;
  readonly sha: string;
  /** Whether it changes something that has to be as durable as the store promises. */
  readonly isWrite: boolean;
}

export interface ScriptOptions {
  /** Runs in a server that is out of memory too: it takes no more than it gives, or it is what an owner must not miss. */
  readonly allowsFullMemory?: boolean;
  /** Lua functions that the body uses. */
  readonly uses?: readonly string[];
}

export function readScript(name: string, body: string, options: ScriptOptions = {}): Script {
  return makeScript(name, body, options, false);
}

export function writeScript(name: string, body: string, options: ScriptOptions = {}): Script {
  return makeScript(name, body, options, true);
}

function makeScript(name: string, body: string, options: ScriptOptions, isWrite: boolean): Script {
  const { allowsFullMemory = false, uses = [] } = options;
  const flags = allowsFullMemory ? "#!lua flags=allow-oom\n" : "";
  const text = flags + [PREAMBLE, ...uses, body].join("\n");
  return { name, text, sha: shaOf(text), isWrite };
}

export function shaOf(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

/** First word of the error for a server whose generation is not the one that the caller knows. */
export const STALE_GENERATION = "STALEGENERATION";

const PREAMBLE = `
local root = string.match(KEYS[1], "^{[^}]*}:")
local generation = ARGV[1]
if redis.call("HGET", root .. "server", "generation") ~= generation then
  return redis.error_reply("${STALE_GENERATION} this server has to be checked again")
end

local function digits(number)
  return string.format("%.0f", number)
end

-- "=1760000000000" is a time that the caller gives; "+5000" is so much after what the clock of this server says.
local function timeOf(moment)
  local ms = tonumber(string.sub(moment, 2))
  if string.sub(moment, 1, 1) == "=" then return ms end
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000) + ms
end

-- What a key says after the word for its kind: the name of the log, the lease, the roster.
local function nameIn(key, kind)
  return string.sub(key, #root + #kind + 2)
end
`;
