import { describe, expect, test } from "vitest";
import { type EndpointOptions, endpointTarget } from "./endpoint-options.ts";

const bearer = (apiKey: string) => ({ authorization: `Bearer ${apiKey}` });

function target(baseUrl: string, options: Partial<EndpointOptions> = {}) {
  return endpointTarget(baseUrl, "/chat/completions", { model: "m", ...options }, bearer);
}

test.each([
  ["http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1/chat/completions"],
  ["http://127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1/chat/completions"],
  ["https://example.com", "https://example.com/chat/completions"],
  ["https://example.com/x?api-version=1#y", "https://example.com/x/chat/completions?api-version=1"],
])("%s", (baseUrl, url) => {
  expect(target(baseUrl).url.href).toBe(url);
});

test("a key from a file may end in a line feed", () => {
  expect(target("http://h", { apiKey: "secret-key\n" }).headers).toEqual({
    authorization: "Bearer secret-key",
  });
});

test("the key and the values of headers are secrets", () => {
  const { secrets } = target("http://h", { apiKey: "secret-key", headers: { A: "other-secret" } });
  expect(secrets.toSorted()).toEqual(["other-secret", "secret-key"]);
});

describe("refused, without quoting a secret", () => {
  test.each<[what: string, baseUrl: string, options: Partial<EndpointOptions>, message: RegExp]>([
    ["no URL", "canary", {}, /base_url is not a URL/],
    ["another protocol", "file:///canary", {}, /begins with file:/],
    ["a password in the address", "http://user:canary@h/", {}, /carries credentials/],
    ["no model", "http://h", { model: " " }, /model is empty/],
    ["a key of two lines", "http://h", { apiKey: "canary\ncanary" }, /header "authorization"/],
    ["a header of two lines", "http://h", { headers: { "X-A": "canary\r\nb: c" } }, /header "x-a"/],
    [
      "no name of a header",
      "http://h",
      { headers: { "a b": "canary" } },
      /"a b" is not the name of a header/,
    ],
  ])("%s", (_what, baseUrl, options, message) => {
    const attempt = () => target(baseUrl, options);
    expect(attempt).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringMatching(message) }),
    );
    expect(attempt).toThrow(expect.objectContaining({ message: expect.not.stringContaining("canary") }));
  });
});
