import type { Dialect, JoinAsk } from "../dialect.ts";
import type { Link } from "../link.ts";

/** Engine.IO 4 over WebSocket with Socket.IO 5 inside, as much of it as is spoken here. */
export function socketIoDialect(): Dialect {
  let link: Link | undefined;
  let privateId = "";
  /** The end of the last event: with connection state recovery its last argument is the offset. */
  let tail = "";

  async function connect(ask: JoinAsk, auth: string): Promise<Link> {
    link = await ask.open("/socket.io/?EIO=4&transport=websocket");
    await link.expect("0{");
    link.send(`40${auth}`);
    const answer = await link.expect("40{");
    privateId = (JSON.parse(answer.slice(2)) as { pid: string }).pid;
    return link;
  }

  return {
    canResume: true,
    async join(ask) {
      const opened = await connect(ask, "");
      if (ask.channel === undefined) return opened;
      opened.send(`420["join","${ask.channel}"]`);
      await opened.expect("430[");
      return opened;
    },
    rejoin: (ask) => connect(ask, JSON.stringify({ pid: privateId, offset: offsetOf(tail) })),
    look(bytes, start, end) {
      if (end - start === 1 && bytes[start] === 0x32) link?.send("3");
      else if (bytes[start] === 0x34 && bytes[start + 1] === 0x32) {
        tail = bytes.toString("latin1", Math.max(start, end - 32), end);
      }
      return true;
    },
    publishText: (channel, text) => `42["publish",${JSON.stringify(channel)},${JSON.stringify({ text })}]`,
    runText: (run) => `42["run",${JSON.stringify(run)}]`,
  };
}

function offsetOf(tail: string): string | undefined {
  return /"([^"]*)"\]$/.exec(tail)?.[1];
}
