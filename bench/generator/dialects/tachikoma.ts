import type { Dialect } from "../dialect.ts";

/** A record's frame up to its count. */
const RECORD =
  /^\{"type":"(?:message|chunk|skip|execution_[a-z]+)","channel":"([^"]+)","position":"([^"]+)"(?:,"n":(\d+))?/;
const MAX_HEAD_BYTES = 256;

/** Sends exact positions, as our own client does. */
export function tachikomaDialect(): Dialect {
  let sessionId = "";
  let publishCount = 0;
  let runCount = 0;
  const positions = new Map<string, string>();

  function subscribeText(channel: string): string {
    const position = positions.get(channel);
    return JSON.stringify({ type: "subscribe", channel, ...(position === undefined ? {} : { position }) });
  }

  return {
    canResume: true,
    async join({ viewerId, channel, open }) {
      const link = await open(`/ws?client_id=${viewerId}`);
      const welcome = JSON.parse(await link.expect('{"type":"welcome"')) as { session_id: string };
      sessionId = welcome.session_id;
      if (channel === undefined) return link;
      link.send(subscribeText(channel));
      const subscribed = JSON.parse(await link.expect('{"type":"subscribed"')) as { position: string };
      positions.set(channel, subscribed.position);
      return link;
    },
    async rejoin({ viewerId, channel, open }) {
      const link = await open(`/ws?client_id=${viewerId}&session_id=${sessionId}&positions=client`);
      const welcome = await link.expect('{"type":"welcome"');
      if (!welcome.includes('"resumed":true')) throw new Error(`The session was not resumed: ${welcome}`);
      if (channel !== undefined) link.send(subscribeText(channel));
      await link.expect('{"type":"subscribed"');
      return link;
    },
    look(bytes, start, end) {
      const record = RECORD.exec(bytes.toString("latin1", start, Math.min(end, start + MAX_HEAD_BYTES)));
      if (record === null) return true;
      const [, channel, position, coveredText] = record;
      const before = positions.get(channel!);
      positions.set(channel!, position!);
      if (before === undefined) return true;
      return seqOf(position!) === seqOf(before) + Number(coveredText ?? 1);
    },
    publishText(channel, text) {
      publishCount += 1;
      return JSON.stringify({ type: "publish", id: `p${publishCount}`, channel, data: { text } });
    },
    runText(run, channel) {
      runCount += 1;
      return JSON.stringify({ type: "execute", id: `r${runCount}`, handler: "tokens", channel, input: run });
    },
  };
}

/** Follows a channel from its oldest record on. */
export function subscribeFromStartText(channel: string): string {
  return JSON.stringify({ type: "subscribe", channel, since: "start" });
}

function seqOf(position: string): number {
  return Number(position.slice(position.indexOf(".") + 1, position.lastIndexOf(".")));
}
