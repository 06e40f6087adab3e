import { z } from "zod";
import { httpUrlFault } from "../address.ts";
import { choice, decimal, integer, list, optional, seconds, table, text, withDefault } from "../setting.ts";
import { apiKeySettings } from "./security.ts";

export const BACKENDS = ["openai-compatible", "anthropic", "command", "demo"] as const;
export type Backend = (typeof BACKENDS)[number];

const OWNER_LOST_POLICIES = ["interrupt", "restart"] as const;

/** `backend` itself; the schema of each backend accepts only its own name. */
export const backendSetting = choice({ choices: BACKENDS, description: "What produces the answer." });

const backendName = <Name extends Backend>(name: Name) => z.literal(name);

const always = {
  maxDurationSecs: withDefault(
    3600,
    seconds({
      min: 0.05,
      max: 7 * 86_400,
      description: "How long an execution may take in all; of one that is run anew, each attempt.",
    }),
  ),
  onOwnerLost: withDefault(
    "interrupt",
    choice({
      choices: OWNER_LOST_POLICIES,
      description:
        "What becomes of an execution whose server is lost: it ends as `interrupted`, or runs once more from its beginning.",
    }),
  ),
};

const streaming = {
  firstByteTimeoutSecs: withDefault(
    120,
    seconds({
      min: 0.05,
      max: 86_400,
      description: "How long the first piece of output may take. Models that think take long.",
    }),
  ),
  idleTimeoutSecs: withDefault(
    60,
    seconds({ min: 0.05, max: 86_400, description: "How long the output may pause once it has begun." }),
  ),
};

const baseUrl = text({
  form: "http(s) URL",
  fault: httpUrlFault,
  description: "Address of the model endpoint, as in `http://127.0.0.1:11434/v1`.",
});

const instructions = {
  system: optional(
    text({ maxChars: 1_000_000, description: "Instructions that precede every conversation." }),
  ),
};

const model = {
  ...instructions,
  model: text({ maxChars: 256, description: "Name of the model, as the endpoint knows it." }),
  temperature: optional(
    decimal({ min: 0, max: 2, description: "Temperature of sampling; the endpoint's own when absent." }),
  ),
  ...apiKeySettings("Key for the model endpoint."),
};

const openaiCompatible = z.strictObject({
  backend: backendName("openai-compatible"),
  baseUrl,
  ...model,
  maxOutputTokens: optional(
    integer({
      min: 1,
      max: 10_000_000,
      unit: "tokens",
      description: "Longest answer; the endpoint's own limit when absent.",
    }),
  ),
  ...streaming,
  ...always,
});

const anthropic = z.strictObject({
  backend: backendName("anthropic"),
  baseUrl: withDefault("https://api.anthropic.com", baseUrl),
  ...model,
  maxOutputTokens: withDefault(
    // This endpoint refuses a request without a limit.
    4096,
    integer({ min: 1, max: 10_000_000, unit: "tokens", description: "Longest answer." }),
  ),
  ...streaming,
  ...always,
});

const command = z.strictObject({
  backend: backendName("command"),
  command: list({
    minItems: 1,
    maxItems: 1000,
    itemForm: "text",
    description:
      "Program and arguments. No shell is involved; the conversation arrives on stdin as JSON, stdout is streamed.",
  }),
  ...instructions,
  cwd: optional(text({ form: "path", description: "Working directory of the command." })),
  env: optional(
    table({
      maxEntries: 1000,
      isSecret: true,
      description: "Environment variables of the command, besides the usual ones.",
    }),
  ),
  ...streaming,
  ...always,
});

const demo = z.strictObject({ backend: backendName("demo"), ...always });

export const executionSchemas = { "openai-compatible": openaiCompatible, anthropic, command, demo } as const;

export const executionSettings = z.discriminatedUnion("backend", [
  openaiCompatible,
  anthropic,
  command,
  demo,
]);
