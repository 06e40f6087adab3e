/** What both kinds of model endpoint are configured with. Everything here comes from the operator, nothing from a client. */
import { TachikomaError } from "@tachikoma/protocol";
import type { ChatEndpoint } from "./chat-endpoint.ts";
import type { HttpBackendOptions } from "./http-backend.ts";

export interface EndpointOptions extends HttpBackendOptions {
  readonly model: string;
  readonly apiKey?: string | undefined;
  readonly temperature?: number | undefined;
  /** Longest answer, in tokens. */
  readonly maxOutputTokens?: number | undefined;
  /** Further headers of the request, for gateways that ask for some. Their values are treated as secrets. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Further fields of the request's body, such as `reasoning_effort`, `thinking` or `tools`. */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined;
}

export interface EndpointTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: ChatEndpoint["secrets"];
}

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~\w]+$/;
/** What fetch takes; its own complaint would quote the value. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** @throws TachikomaError CONFIG_INVALID */
export function endpointTarget(
  baseUrl: string,
  path: string,
  options: EndpointOptions,
  keyHeaders: (apiKey: string) => Readonly<Record<string, string>>,
): EndpointTarget {
  if (options.model.trim() === "") throw configInvalid("model is empty");
  const apiKey = options.apiKey?.trim() ?? "";
  const headers = { ...(apiKey === "" ? {} : keyHeaders(apiKey)), ...lowerCased(options.headers ?? {}) };
  for (const [name, value] of Object.entries(headers)) requireHeader(name, value);
  const secrets = [...Object.values(options.headers ?? {}), ...(apiKey === "" ? [] : [apiKey])];
  return { url: endpointUrl(baseUrl, path), headers, secrets };
}

function endpointUrl(baseUrl: string, path: string): URL {
  // Never quoted whole: an address may carry a password.
  if (!URL.canParse(baseUrl)) throw configInvalid("base_url is not a URL");
  const url = new URL(baseUrl);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw configInvalid(`base_url begins with ${url.protocol}, it must be http: or https:`);
  }
  if (url.username !== "" || url.password !== "") {
    throw configInvalid("base_url carries credentials; use the API key or a header");
  }
  url.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`;
  url.hash = "";
  return url;
}

function requireHeader(name: string, value: string): void {
  if (!HEADER_NAME.test(name)) throw configInvalid(`"${name}" is not the name of a header`);
  if (!HEADER_VALUE.test(value))
    throw configInvalid(`The value of the header "${name}" has characters that no header may have`);
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function configInvalid(message: string): TachikomaError {
  return new TachikomaError("CONFIG_INVALID", message);
}
