import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { effectiveJson, formatEffectiveToml } from "./effective.ts";
import { type LoadRequest, loadSettings } from "./load.ts";
import { formatProblem } from "./problem.ts";

const CANARY = "canary-3f9c";

/** Everything that anyone gets to see of these settings. */
function everythingShown(request: Partial<LoadRequest> & { readonly toml?: string }): string {
  const { toml, ...rest } = request;
  const result = loadSettings({
    env: {},
    readFile: (path) => (path === "tachikoma.toml" ? toml : undefined),
    ...rest,
  });
  if (result.kind === "refused") return result.problems.map(formatProblem).join("\n");
  const { settings, sources, warnings } = result;
  const json = JSON.stringify(effectiveJson(settings, sources));
  return [formatEffectiveToml(settings, sources), json, ...warnings.map(formatProblem)].join("\n");
}

describe("a secret is never shown", () => {
  test.each([
    ["as itself", `[security]\napi_key = "${CANARY}"`],
    ["in a key of the wrong type", `[security]\napi_key = ["${CANARY}"]`],
    ["under a misspelled key", `[security]\napi_kye = "${CANARY}"`],
    ["in the wrong section", `[server]\napi_key = "${CANARY}"`],
    ["at the top", `api_key = "${CANARY}"`],
    ["as a section", `security = "${CANARY}"`],
    ["in a broken file", `[security]\napi_key = ${CANARY}`],
    ["in an unfinished text", `[security]\napi_key = "${CANARY}\nx = 1`],
    ["of a model", `[executions.a]\nbackend = "anthropic"\nmodel = "m"\napi_key = "${CANARY}"`],
    ["of the wrong backend", `[executions.a]\nbackend = "demo"\napi_key = "${CANARY}"`],
    ["of no backend", `[executions.a]\napi_key = "${CANARY}"`],
    [
      "in the variables of a command",
      `[executions.a]\nbackend = "command"\ncommand = ["x"]\nenv = { K = "${CANARY}" }`,
    ],
    [
      "in variables that are a text",
      `[executions.a]\nbackend = "command"\ncommand = ["x"]\nenv = "${CANARY}"`,
    ],
    ["in a URL", `[executions.a]\nbackend = "anthropic"\nmodel = "m"\nbase_url = "https://u:${CANARY}@h/"`],
    [
      "in a query",
      `[executions.a]\nbackend = "anthropic"\nmodel = "m"\nbase_url = "https://h/?key=${CANARY}"`,
    ],
    ["in the URL of a database", `[database]\nurl = "redis://:${CANARY}@h"`],
    ["in the URL of a database that is refused", `[database]\nurl = "redis://:${CANARY}@"`],
    ["that tears the URL of a database apart", `[database]\nurl = "redis://u:a/${CANARY}#x@h"`],
    ["in a URL that is none", `[database]\nurl = "rediss:u:${CANARY}@h"`],
    ["of a database", `[database]\nurl = "redis://h"\npassword = "${CANARY}"`],
    ["of a database, twice", `[database]\nurl = "redis://:${CANARY}@h"\npassword = "${CANARY}"`],
    [
      "of a database, where it was taken for a prefix",
      `[database]\nurl = "redis://:${CANARY}@h"\nkey_prefix = "${CANARY}/"`,
    ],
    ["of a database, encoded", `[database]\nurl = "redis://:%40${CANARY}@h"\nkey_prefix = "@${CANARY}"`],
    [
      "twice, once where it does not belong",
      `[security]\napi_key = "${CANARY}"\n[executions.a]\nbackend = "command"\ncommand = ["x", "--key=${CANARY}"]`,
    ],
    [
      "where it was taken for a level",
      `[security]\napi_key = "${CANARY}"\n[server]\nlog_level = "${CANARY}"`,
    ],
  ])("%s", (_, toml) => {
    const shown = everythingShown({ toml });
    expect(shown).not.toContain(CANARY);
    expect(shown.length).toBeGreaterThan(20);
  });

  test("in variables and flags", () => {
    expect(everythingShown({ env: { TACHIKOMA_SECURITY__API_KEY: CANARY } })).not.toContain(CANARY);
    expect(everythingShown({ env: { TACHIKOMA_SECURITY: `{"api_key": "${CANARY}"` } })).not.toContain(CANARY);
    expect(everythingShown({ env: { TACHIKOMA_EXECUTIONS: `{"a": "${CANARY}"}` } })).not.toContain(CANARY);
    expect(everythingShown({ env: { TACHIKOMA_SECURITY__API_KY: CANARY } })).not.toContain(CANARY);
    const flags = [{ flag: "--set", key: "security.api_key", value: CANARY }];
    expect(everythingShown({ flags })).not.toContain(CANARY);
  });

  test("behind api_key_env and api_key_file", () => {
    const toml = `[security]\napi_key_env = "K"\n[executions.a]\nbackend = "command"\ncommand = ["x", "${CANARY}"]`;
    expect(everythingShown({ toml, env: { K: CANARY } })).not.toContain(CANARY);
    const readFile = (path: string) =>
      path === "tachikoma.toml" ? '[security]\napi_key_file = "k"' : CANARY;
    expect(everythingShown({ readFile })).not.toContain(CANARY);
  });

  test("behind password_env and password_file", () => {
    const toml = `[database]\nurl = "redis://h"\npassword_env = "K"\n[executions.a]\nbackend = "command"\ncommand = ["x", "${CANARY}"]`;
    expect(everythingShown({ toml, env: { K: CANARY } })).not.toContain(CANARY);
    expect(everythingShown({ env: { TACHIKOMA_DATABASE__URL: `redis://:${CANARY}@h` } })).not.toContain(
      CANARY,
    );
    const readFile = (path: string) =>
      path === "tachikoma.toml" ? '[database]\nurl = "redis://h"\npassword_file = "k"' : CANARY;
    expect(everythingShown({ readFile })).not.toContain(CANARY);
  });

  test("not even its beginning, where a long value is shortened", () => {
    const long = `${"a1".repeat(200)}`;
    const shown = everythingShown({
      env: { TACHIKOMA_SECURITY__API_KEY: long, TACHIKOMA_SERVER__LOG_LEVEL: `x${long}` },
    });
    expect(shown).not.toContain(long.slice(0, 20));
  });

  test("whatever the secret looks like", () => {
    const secret = fc.string({ minLength: 8, maxLength: 40 }).map((text) => `zq${text}zq`);
    fc.assert(
      fc.property(secret, (apiKey) => {
        const env = { TACHIKOMA_SECURITY__API_KEY: apiKey, TACHIKOMA_SERVER__LOG_LEVEL: apiKey };
        const shown = everythingShown({ env });
        expect(shown).not.toContain(apiKey);
        expect(shown).not.toContain(JSON.stringify(apiKey).slice(1, -1));
      }),
    );
  });
});
