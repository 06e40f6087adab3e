import { connect } from "../client.ts";
import type { ConnectOptions } from "../options.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeNetwork, type WireMessage } from "./fake-network.ts";

interface FixtureOptions extends ConnectOptions {
  readonly url?: string;
}

/** A client whose network, clock and dice belong to the test. */
export function clientFixture({ url = "ws://server.test/ws", ...options }: FixtureOptions = {}) {
  const clock = new FakeClock();
  const network = new FakeNetwork();
  const reported: unknown[] = [];
  const dice = { fraction: 0.5 };
  const client = connect(url, {
    clientId: "device",
    ...options,
    ports: {
      clock,
      WebSocket: network.WebSocket,
      environment: network,
      random: { fraction: () => dice.fraction, id: (chars) => "x".repeat(chars) },
      reportError: (thrown) => reported.push(thrown),
      ...options.ports,
    },
  });
  return { client, clock, network, reported, dice };
}

export function welcome(fields: Partial<Record<string, unknown>> = {}): WireMessage {
  return {
    type: "welcome",
    connection_id: "c1",
    session_id: "s1",
    client_id: "device",
    server_version: "0.1.0",
    resumed: false,
    subscriptions: [],
    ...fields,
  };
}

export function message(channel: string, seq: number, data: unknown = `m${seq}`): WireMessage {
  return { type: "message", channel, position: at(seq), data };
}

export function delta(channel: string, seq: number, text: string, n = 1): WireMessage {
  const chunk = { type: "text-delta", id: "0", delta: text };
  return {
    type: "chunk",
    channel,
    position: at(seq),
    execution_id: "e1",
    chunk,
    ...(n > 1 && { n }),
  };
}

/** Position in the one log that most tests have. */
export function at(seq: number, epoch = "ep"): string {
  return seq === 0 ? `${epoch}.0.0` : `${epoch}.${seq}.t${seq}`;
}

/** Answers a `subscribe`. */
export function subscribed(
  request: WireMessage,
  seq: number,
  fields: Record<string, unknown> = {},
): WireMessage {
  return {
    type: "subscribed",
    ref: request["id"],
    channel: request["channel"],
    position: at(seq),
    recovered: true,
    ...fields,
  };
}

/** Lets promises that are settled already run what waits for them. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}
