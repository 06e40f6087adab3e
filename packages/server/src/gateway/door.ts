/**
 * The door: who may come in. Every surface asks here first, with the same gate for an upgrade and for a request. A new way to sign
 * in is a new branch here and nothing anywhere else.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { MAX_TOKEN_CHARS, TachikomaError } from "@tachikoma/protocol";
import type { Credential } from "../core/credential.ts";

/** What an application's own check is given. */
export interface AuthRequest {
  /**
   * From the query (`token`), the `Authorization: Bearer` header, or a subprotocol that is offered as `bearer.TOKEN`; from `x-api-key`
   * where Anthropic's API is spoken.
   */
  readonly token: string | undefined;
  /** The request that knocks; absent when a live connection presents a fresh token. */
  readonly request: IncomingMessage | undefined;
}

/** Says who the caller is; `undefined`, `null` or a rejection refuses. */
export type AuthCallback = (
  request: AuthRequest,
) => Credential | undefined | null | Promise<Credential | undefined | null>;

export type AuthMode = "none" | "api_key" | "callback";

export interface DoorOptions {
  readonly auth?: AuthCallback | undefined;
  readonly apiKey?: string | undefined;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

export class DoorKeeper {
  readonly mode: AuthMode;
  readonly #auth: AuthCallback | undefined;
  readonly #apiKeyDigest: Buffer | undefined;
  readonly #nowMs: () => number;

  constructor(options: DoorOptions) {
    this.#auth = options.auth;
    this.#nowMs = options.nowMs;
    this.#apiKeyDigest = options.apiKey === undefined ? undefined : digest(options.apiKey);
    this.mode = options.auth !== undefined ? "callback" : options.apiKey !== undefined ? "api_key" : "none";
  }

  /** @throws TOKEN_REQUIRED, UNAUTHORIZED, TOKEN_EXPIRED */
  async admit(request: IncomingMessage, url: URL): Promise<Credential> {
    return this.check(tokenOf(request, url), request);
  }

  /** @throws TOKEN_REQUIRED, UNAUTHORIZED, TOKEN_EXPIRED */
  async check(token: string | undefined, request?: IncomingMessage): Promise<Credential> {
    if (token !== undefined && token.length > MAX_TOKEN_CHARS) throw new TachikomaError("UNAUTHORIZED");
    // The key opens beside a callback too: it is how the operator's own programs come in.
    if (this.#apiKeyDigest !== undefined && token !== undefined) {
      if (timingSafeEqual(digest(token), this.#apiKeyDigest)) return {};
      if (this.#auth === undefined) throw new TachikomaError("UNAUTHORIZED");
    }
    if (this.#auth === undefined) {
      if (this.#apiKeyDigest === undefined) return {};
      throw new TachikomaError("TOKEN_REQUIRED");
    }
    const credential = await this.#ask(this.#auth, token, request);
    if (credential === undefined) {
      throw new TachikomaError(token === undefined ? "TOKEN_REQUIRED" : "UNAUTHORIZED");
    }
    const { expiresAtMs } = credential;
    if (expiresAtMs !== undefined && expiresAtMs <= this.#nowMs()) throw new TachikomaError("TOKEN_EXPIRED");
    return credential;
  }

  async #ask(
    auth: AuthCallback,
    token: string | undefined,
    request: IncomingMessage | undefined,
  ): Promise<Credential | undefined> {
    try {
      return (await auth({ token, request })) ?? undefined;
    } catch {
      // What the application threw may hold the token; the refusal says enough.
      return undefined;
    }
  }
}

/** The token a request carries; the header wins over a subprotocol, and that over the query. An empty one is none. */
export function tokenOf(request: IncomingMessage, url: URL): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
  const token =
    bearer ?? offeredToken(request) ?? anthropicKeyOf(request) ?? url.searchParams.get("token") ?? "";
  return token === "" ? undefined : token;
}

/** Where clients of Anthropic's API carry theirs. In a request of anyone else that header is somebody else's business. */
function anthropicKeyOf({ headers }: IncomingMessage): string | undefined {
  if (headers["anthropic-version"] === undefined) return undefined;
  return headers["x-api-key"]?.toString() || undefined;
}

/** A page cannot set headers of an upgrade, but it names the subprotocols: a token there stands in no log of addresses. */
function offeredToken({ headers }: IncomingMessage): string | undefined {
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  return offered.find((name) => name.startsWith(TOKEN_PREFIX))?.slice(TOKEN_PREFIX.length);
}

const TOKEN_PREFIX = "bearer.";

/** Equal-length digests, so that the comparison takes the same time whatever was sent. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
