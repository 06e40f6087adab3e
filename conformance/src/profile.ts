/** What is to be known of a server before it can be judged: a JSON file, and what the command line adds. */
import { readFileSync } from "node:fs";
import { isRequirementName, type Provisions, REQUIREMENTS, type RequirementValue } from "./requirements.ts";

export interface Profile {
  readonly token?: string;
  readonly namespace?: string;
  readonly provides: Provisions;
  readonly hooks: HookCommands;
}

/** Commands, each as its arguments. */
export interface HookCommands {
  readonly stop?: readonly string[];
  readonly kill?: readonly string[];
  readonly start?: readonly string[];
}

/** What is wrong with a profile or with what was said on the command line. */
export class ProfileError extends Error {
  override readonly name = "ProfileError";
}

const FIELDS = new Set(["token", "namespace", "provides", "hooks"]);
const HOOKS = new Set(["stop", "kill", "start"]);

export function readProfile(path: string): Profile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ProfileError(`The profile cannot be read: ${cause instanceof Error ? cause.message : cause}`);
  }
  try {
    return parseProfile(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof ProfileError) throw new ProfileError(`${path}: ${cause.message}`);
    throw new ProfileError(`${path} is not JSON`);
  }
}

export function parseProfile(value: unknown): Profile {
  const fields = asRecord(value, "The profile");
  for (const name of Object.keys(fields))
    if (!FIELDS.has(name))
      throw new ProfileError(`"${name}" is not known; there are: ${[...FIELDS].join(", ")}`);
  const { token, namespace } = fields;
  for (const [name, text] of Object.entries({ token, namespace }))
    if (text !== undefined && typeof text !== "string") throw new ProfileError(`${name} is not a text`);
  return {
    ...(token === undefined ? {} : { token: String(token) }),
    ...(namespace === undefined ? {} : { namespace: String(namespace) }),
    provides: provisionsOf(asRecord(fields["provides"] ?? {}, "provides")),
    hooks: hooksOf(asRecord(fields["hooks"] ?? {}, "hooks")),
  };
}

/** One `--provide NAME=VALUE`, or `NAME` alone for what is only there or not. */
export function parseProvision(text: string): Provisions {
  const equalSign = text.indexOf("=");
  const name = equalSign === -1 ? text : text.slice(0, equalSign);
  const value = equalSign === -1 ? "true" : text.slice(equalSign + 1);
  const { value: kind } = requirementOf(name);
  return provisionsOf({
    [name]: kind === "flag" ? value === "true" : kind === "number" ? Number(value) : value,
  });
}

function provisionsOf(fields: Readonly<Record<string, unknown>>): Provisions {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, provisionOf(name, value)]));
}

function provisionOf(name: string, value: unknown): RequirementValue {
  const { value: kind } = requirementOf(name);
  if (kind === "flag" && value === true) return true;
  if (kind === "number" && typeof value === "number" && value > 0) return value;
  if (kind === "text" && typeof value === "string" && value !== "") return value;
  const wanted = { flag: "true", number: "a number above 0", text: "a text" }[kind];
  throw new ProfileError(`${name} is ${JSON.stringify(value)}, and has to be ${wanted}`);
}

function requirementOf(name: string) {
  if (isRequirementName(name)) return REQUIREMENTS[name];
  throw new ProfileError(`"${name}" is not known; --requirements lists what there is`);
}

function hooksOf(fields: Readonly<Record<string, unknown>>): HookCommands {
  for (const [name, command] of Object.entries(fields)) {
    if (!HOOKS.has(name))
      throw new ProfileError(`hooks.${name} is not known; there are: ${[...HOOKS].join(", ")}`);
    const isCommand =
      Array.isArray(command) && command.length > 0 && command.every((one) => typeof one === "string");
    if (!isCommand)
      throw new ProfileError(`hooks.${name} is not a list of texts: a program and its arguments`);
  }
  return fields as HookCommands;
}

function asRecord(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new ProfileError(`${what} is not an object`);
}
