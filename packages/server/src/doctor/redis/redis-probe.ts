/** Asks a Redis what there is to know of it. Only this talks to it. */
import { randomUUID } from "node:crypto";
import { createClient } from "@redis/client";
import type { DatabaseTarget } from "../../config/database-target.ts";
import { redisUrlText } from "../../config/database-url.ts";
import { RedisNames } from "../../stores/redis/redis-names.ts";
import { serverFacts } from "../../stores/redis/server-check.ts";
import { type Latency, latencyOf } from "../latency.ts";
import { CONFIG_DIRECTIVES, parseInfo, type RedisFacts } from "./redis-facts.ts";
import { deniedRights, type SendCommand } from "./redis-rights.ts";

type RedisTarget = Extract<DatabaseTarget, { kind: "redis" }>;
type Client = ReturnType<typeof newClient>;

const CONNECT_TIMEOUT_MS = 2_000;
/** For what Redis and the client say to each other before the first command. */
const GREETING_TIMEOUT_MS = 500;
const PROBE_TIMEOUT_MS = 20_000;
const PING_COUNT = 200;
const SCRIPT_COUNT = 100;
const CLOCK_SAMPLE_COUNT = 10;
/** A Redis far away is measured less often: what is found then is no different. */
const MAX_MEASURING_MS = 3_000;
const SCRIPT = "redis.call('SET', KEYS[1], ARGV[1], 'PX', 10000) return redis.call('GET', KEYS[1])";

/** Rejects with what keeps it from being reached. */
export async function probeRedis(target: RedisTarget): Promise<RedisFacts> {
  return withClient(redisUrlText(target.address), (client) =>
    within(PROBE_TIMEOUT_MS, gatherFacts(client, target)),
  );
}

async function gatherFacts(client: Client, target: RedisTarget): Promise<RedisFacts> {
  const url = redisUrlText(target.address);
  const { root } = new RedisNames(target.keyPrefix, target.address.database);
  const scratch = `${root}doctor:${randomUUID()}`;
  const send: SendCommand = (args) => client.sendCommand([...args]);
  const infoText = String((await orNothing(send(["INFO"]))) ?? "");
  const config = await readConfig(send);
  const deniedCommands = await deniedRights({
    send,
    subscribe: (channel) => withClient(url, (other) => other.sSubscribe(channel, () => {})),
    root,
    scratch,
    durability: target.durability,
  });
  const ping = await measure(PING_COUNT, () => send(["PING"]));
  const script = await orNothing(measureScript(send, scratch));
  await orNothing(send(["DEL", scratch]));
  return {
    info: parseInfo(infoText),
    server: serverFacts(infoText, config.get("appendfsync")),
    config,
    deniedCommands,
    ping,
    script,
    clockAheadMs: await orNothing(clockAhead(send)),
    isOpenToAll: await isOpenToAll(target),
  };
}

async function readConfig(send: SendCommand): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const directive of CONFIG_DIRECTIVES) {
    const answer = await orNothing(send(["CONFIG", "GET", directive]));
    const value = directiveIn(answer, directive);
    if (value !== undefined) found.set(directive, value);
  }
  return found;
}

/** A map in RESP3, a list of names and values in RESP2. */
function directiveIn(answer: unknown, directive: string): string | undefined {
  if (answer instanceof Map) return textIn(answer.get(directive));
  if (Array.isArray(answer)) return textIn(answer[answer.indexOf(directive) + 1]);
  if (typeof answer !== "object" || answer === null || !(directive in answer)) return undefined;
  return textIn((answer as Readonly<Record<string, unknown>>)[directive]);
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

async function measureScript(send: SendCommand, scratchKey: string): Promise<Latency> {
  const sha = String(await send(["SCRIPT", "LOAD", SCRIPT]));
  return measure(SCRIPT_COUNT, () => send(["EVALSHA", sha, "1", scratchKey, "1"]));
}

async function measure(count: number, work: () => Promise<unknown>): Promise<Latency> {
  const timesMs: number[] = [];
  const endMs = performance.now() + MAX_MEASURING_MS;
  while (timesMs.length < count && performance.now() < endMs) {
    const startMs = performance.now();
    await work();
    timesMs.push(performance.now() - startMs);
  }
  return latencyOf(timesMs);
}

/** The sample that was answered fastest says most. */
async function clockAhead(send: SendCommand): Promise<number> {
  let best = { roundTripMs: Number.POSITIVE_INFINITY, aheadMs: 0 };
  for (let sample = 0; sample < CLOCK_SAMPLE_COUNT; sample += 1) {
    const sentAtMs = performance.now();
    const [seconds, micros] = (await send(["TIME"])) as [string, string];
    const roundTripMs = performance.now() - sentAtMs;
    const redisMs = Number(seconds) * 1_000 + Number(micros) / 1_000;
    const hereMs = Date.now() - roundTripMs / 2;
    if (roundTripMs < best.roundTripMs) best = { roundTripMs, aheadMs: redisMs - hereMs };
  }
  return best.aheadMs;
}

/** Whether somebody without any credentials is served. */
async function isOpenToAll({ address }: RedisTarget): Promise<boolean> {
  const bare = { ...address, username: undefined, password: undefined };
  const ping = withClient(redisUrlText(bare), (stranger) => stranger.sendCommand(["PING"]));
  return ping.then(
    () => true,
    () => false,
  );
}

function newClient(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    socket: { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: false },
  });
}

async function withClient<Result>(url: string, use: (client: Client) => Promise<Result>): Promise<Result> {
  const client = newClient(url);
  // What goes wrong rejects the call that it concerns, too.
  client.on("error", () => {});
  try {
    await within(CONNECT_TIMEOUT_MS + GREETING_TIMEOUT_MS, client.connect());
    return await use(client);
  } finally {
    client.destroy();
  }
}

async function orNothing<Value>(work: Promise<Value>): Promise<Value | undefined> {
  return work.catch(() => undefined);
}

async function within<Value>(timeoutMs: number, work: Promise<Value>): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No answer in time: ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
