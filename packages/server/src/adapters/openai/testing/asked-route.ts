/** Asks a route of a core on a fake clock, without a socket. */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { Identity } from "../../../core/identity.ts";
import type { CoreFixture } from "../../../core/testing/core-fixture.ts";
import type { StreamResponse, WholeResponse } from "../../../gateway/http/route.ts";
import { openAiRoutes } from "../openai-routes.ts";

const alice: Identity = {
  tenant: "default",
  subject: "alice",
  clientId: "http",
  grants: undefined,
  expiresAtMs: undefined,
};

export interface Asked {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly id?: string;
  readonly query?: string;
  readonly body?: object;
}

export interface EventJson {
  readonly type: string;
  readonly sequence_number: number;
  readonly [field: string]: unknown;
}

/** Lets the fake clock's deferred work run for as long as something is waited for. */
export async function driven<Value>({ clock }: CoreFixture, waiting: Promise<Value>): Promise<Value> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  waiting.then(over, over);
  while (!isOver) await clock.settle();
  return waiting;
}

export async function askWhole(fixture: CoreFixture, asked: Asked): Promise<Record<string, unknown>> {
  const answer = (await driven(
    fixture,
    answerOf(fixture, asked, new AbortController().signal),
  )) as WholeResponse;
  return JSON.parse(answer.json ?? "{}") as Record<string, unknown>;
}

/** The events as they come; `stop` is the client that leaves. */
export class AskedStream {
  readonly events: EventJson[] = [];
  readonly ended: Promise<void>;
  readonly #leave = new AbortController();

  constructor(fixture: CoreFixture, asked: Asked) {
    this.ended = this.#read(answerOf(fixture, asked, this.#leave.signal) as Promise<StreamResponse>);
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  /** Of the text deltas. */
  get text(): string {
    return this.events
      .map(({ type, delta }) => (type === "response.output_text.delta" ? delta : ""))
      .join("");
  }

  stop(): void {
    this.#leave.abort();
  }

  async #read(answering: Promise<StreamResponse>): Promise<void> {
    for await (const text of (await answering).stream) {
      const data = String(text).split("\n")[1]!;
      this.events.push(JSON.parse(data.slice("data: ".length)) as EventJson);
    }
  }
}

async function answerOf({ server }: CoreFixture, asked: Asked, signal: AbortSignal) {
  const { method, path, id = "", query = "", body } = asked;
  const route = openAiRoutes.find((candidate) => candidate.method === method && candidate.path === path)!;
  const incoming = Readable.from([Buffer.from(JSON.stringify(body ?? {}))]) as IncomingMessage;
  incoming.headers = {};
  return route.answer(server, {
    incoming,
    url: new URL(`http://localhost${path}?${query}`),
    parameters: { id },
    identity: alice,
    credential: {},
    maxBodyBytes: 1_000_000,
    signal,
  });
}
