import { afterEach, describe, expect, test } from "vitest";
import { handshakeOptions, negotiatedWindowBits } from "./handshake-options.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { startTransportServer, type TransportServer } from "./testing/transport-server.ts";

let server: TransportServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function handshakeResponse(headers: readonly string[]): Promise<string> {
  server = await startTransportServer();
  const client = await connectRaw(server.port, { headers });
  client.socket.destroy();
  return client.response.toLowerCase();
}

describe("subprotocol", () => {
  test.each([
    ["tachikoma.v1", true],
    ["graphql-ws, tachikoma.v1", true],
    ["tachikoma.v2", false],
    ["Tachikoma.v1", false],
  ])("of %s the server takes ours: %s", async (offered, isTaken) => {
    const response = await handshakeResponse([`Sec-WebSocket-Protocol: ${offered}`]);
    expect(response).toMatch(/^http\/1\.1 101 /);
    expect(response.includes("sec-websocket-protocol")).toBe(isTaken);
    if (isTaken) expect(response).toContain("sec-websocket-protocol: tachikoma.v1");
  });

  test("a client that offers none is served the same", async () => {
    const response = await handshakeResponse([]);
    expect(response).toMatch(/^http\/1\.1 101 /);
    expect(response).not.toContain("sec-websocket-protocol");
  });
});

describe("compression", () => {
  test.each([
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
    "permessage-deflate; server_max_window_bits=8",
    "x-unknown, permessage-deflate",
  ])("the offer %s is taken, without context takeover on either side", async (offer) => {
    const response = await handshakeResponse([`Sec-WebSocket-Extensions: ${offer}`]);
    expect(response).toMatch(/^http\/1\.1 101 /);
    expect(response).toContain("permessage-deflate");
    expect(response).toContain("server_no_context_takeover");
    expect(response).toContain("client_no_context_takeover");
  });

  test.each([
    ["", "permessage-deflate", undefined],
    ["permessage-deflate", "permessage-deflate; client_max_window_bits", 15],
    ["permessage-deflate", "permessage-deflate; server_max_window_bits=12", 12],
    ["permessage-deflate", 'permessage-deflate; server_max_window_bits="11"', 11],
    ["permessage-deflate", "permessage-deflate, permessage-deflate; server_max_window_bits = 10", 10],
    ["permessage-deflate", "permessage-deflate; server_max_window_bits=8", undefined],
    ["permessage-deflate", undefined, 15],
  ])("negotiated %o from the offer %o gives a window of %o", (extensions, offered, expected) => {
    expect(negotiatedWindowBits({ extensions }, offered)).toBe(expected);
  });
});

test("no limit is infinite", () => {
  const options = handshakeOptions({
    maxMessageBytes: 1024,
    isCompressionEnabled: true,
    closeTimeoutMs: 1000,
  });
  // For ws, 0 means without limit.
  for (const name of [
    "maxPayload",
    "maxFragments",
    "maxBufferedChunks",
    "maxPendingAutoPongs",
    "closeTimeout",
  ] as const) {
    expect(options[name], name).toBeGreaterThan(0);
    expect(options[name], name).toBeLessThan(2 ** 31);
  }
});
