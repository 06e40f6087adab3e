/** HTC-10: pages of other origins and the HTTP surfaces. */
import { describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

const PAGE = "https://app.example.com";
const PATHS = ["/api/commands", "/api/channels/a/messages", "/api/stats", "/events"];

function preflight(server: TestServer, path: string, origin: string) {
  return server.http(path, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,last-event-id",
    },
  });
}

describe("HTC-10 an origin that is allowed by name", () => {
  test.each(PATHS)("may ask before it requests %s, without a credential", async (path) => {
    const server = await startTestServer({
      security: { apiKey: "secret-key-of-a-test", allowedOrigins: [PAGE] },
    });
    const { status, headers } = await preflight(server, path, PAGE);
    expect(status).toBe(204);
    expect(Object.fromEntries(headers)).toMatchObject({
      "access-control-allow-origin": PAGE,
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": expect.stringContaining("POST"),
      "access-control-allow-headers": "authorization,content-type,last-event-id",
      vary: "Origin",
    });
  });

  test.each(PATHS)("may read what %s answers, refusals included", async (path) => {
    const server = await startTestServer({
      security: { apiKey: "secret-key-of-a-test", allowedOrigins: [PAGE] },
    });
    const refused = await server.http(path, { headers: { origin: PAGE } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe(PAGE);
    expect(refused.headers.get("access-control-expose-headers")).toContain("www-authenticate");
    expect(refused.headers.get("vary")).toBe("Origin");
  });

  test("may read a stream", async () => {
    const server = await startTestServer({ security: { allowedOrigins: [PAGE] } });
    const stream = await server.events("?channel=a", { origin: PAGE });
    expect(stream.response.headers).toMatchObject({ "access-control-allow-origin": PAGE, vary: "Origin" });
  });
});

test("HTC-10 an origin that is not allowed is refused, and its browser told nothing", async () => {
  const server = await startTestServer({ security: { allowedOrigins: [PAGE] } });
  const answers = {
    // Without a name in it, it is a no.
    204: await preflight(server, "/api/commands", "https://evil.example"),
    403: await server.http("/events", { headers: { origin: "https://evil.example" } }),
  };
  for (const [status, answer] of Object.entries(answers)) {
    expect(answer.status).toBe(Number(status));
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    expect(answer.headers.get("vary")).toBe("Origin");
  }
});

test("HTC-10 names of headers that are none are not repeated", async () => {
  const server = await startTestServer({ security: { allowedOrigins: [PAGE] } });
  const { headers } = await server.http("/api/commands", {
    method: "OPTIONS",
    headers: {
      origin: PAGE,
      "access-control-request-method": "POST",
      "access-control-request-headers": "a: b",
    },
  });
  expect(headers.get("access-control-allow-headers")).toBeNull();
});
