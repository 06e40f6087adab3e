import { describe, expect, test } from "vitest";
import { parseCommandLine, UsageError } from "./command-line.ts";

const URL_TEXT = "ws://127.0.0.1:3000/ws";

function parse(text: string) {
  return parseCommandLine(text.split(" "));
}

test("an address alone is enough", () => {
  expect(parse(URL_TEXT)).toMatchObject({
    action: "run",
    only: [],
    provisions: {},
    timeoutMs: 5_000,
    jobs: 16,
    jsonPath: undefined,
    isVerbose: false,
    isSpread: false,
  });
  expect(parse("wss://example.org").urls.map(String)).toEqual(["wss://example.org/ws"]);
});

test("all that can be said", () => {
  const line = parse(
    `${URL_TEXT} --token T --only RES-,DEL-4 --only HS --profile p.json --provide handler:echo=echo ` +
      "--provide=limit:max_subscriptions=8 --provide auth --http http://127.0.0.1:81 --timeout-ms=900 --jobs 2 " +
      "--json out.json --namespace open --verbose --spread ws://other:1/ws",
  );
  expect(line).toMatchObject({
    token: "T",
    only: ["RES-", "DEL-4", "HS"],
    profilePath: "p.json",
    provisions: { "handler:echo": "echo", "limit:max_subscriptions": 8, auth: true },
    namespace: "open",
    timeoutMs: 900,
    jobs: 2,
    jsonPath: "out.json",
    isVerbose: true,
    isSpread: true,
  });
  expect(line.urls.map(String)).toEqual([URL_TEXT, "ws://other:1/ws"]);
  expect(String(line.httpBase)).toBe("http://127.0.0.1:81/");
});

test.each([
  [`--json ${URL_TEXT}`, "-"],
  [`${URL_TEXT} --json`, "-"],
  [`${URL_TEXT} --json --verbose`, "-"],
  [`${URL_TEXT} --json -`, "-"],
  [`${URL_TEXT} --json=x.json`, "x.json"],
])("%s writes the JSON to %s", (text, path) => {
  expect(parse(text).jsonPath).toBe(path);
});

test.each(["--list", "--requirements", "--help", "--version", "-h"])("%s needs no address", (text) => {
  expect(parse(text).action).not.toBe("run");
});

describe("what cannot be understood", () => {
  test.each([
    ["--only RES-", "Which server?"],
    ["http://127.0.0.1/", "is not a ws:// or wss:// address"],
    [`${URL_TEXT} --nope`, "There is no option --nope"],
    [`${URL_TEXT} --token`, "--token needs a value"],
    [`${URL_TEXT} --timeout-ms 0`, "allowed are 1 to 60000"],
    [`${URL_TEXT} --jobs many`, "allowed are 1 to 256"],
    [`${URL_TEXT} --provide nothing`, '"nothing" is not known'],
    [`${URL_TEXT} --provide limit:max_subscriptions=x`, "has to be a number above 0"],
    [`${URL_TEXT} --http ftp://x`, "is not an http:// or https:// address"],
  ])("%s", (text, what) => {
    expect(() => parse(text)).toThrow(UsageError);
    expect(() => parse(text)).toThrow(what);
  });
});
