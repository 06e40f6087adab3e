/** Servers that are wrong in one way each, and the rule by which the suite has to notice. */
import type { Message, Spoiling } from "./corrupting-proxy.ts";

export interface Corruption {
  readonly name: string;
  readonly rule: string;
  /** Made anew for each connection. */
  readonly spoil: () => Spoiling;
}

const RECORD_TYPES = new Set(["message", "chunk", "skip"]);

function isRecord({ type }: Message): boolean {
  return RECORD_TYPES.has(String(type)) || String(type).startsWith("execution_");
}

function isTerminal({ type }: Message): boolean {
  return String(type).startsWith("execution_") && type !== "execution_started";
}

function seqOf({ position }: Message): number {
  return Number(String(position).split(".")[1]);
}

function movedBy(message: Message, count: number): Message {
  const [epoch, seq, tag] = String(message["position"]).split(".");
  return { ...message, position: `${epoch}.${Number(seq) + count}.${tag}` };
}

/** Changes messages of one type and leaves the others. */
function changed(type: string, change: (message: Message) => readonly Message[]): () => Spoiling {
  return () => ({ fromServer: (message) => (message["type"] === type ? change(message) : [message]) });
}

/** Holds one message back and sends it behind the next that is wanted. */
function late(
  isHeld: (message: Message) => boolean,
  isBefore: (message: Message) => boolean,
): () => Spoiling {
  return () => {
    let held: Message | undefined;
    return {
      fromServer(message) {
        if (held === undefined && isHeld(message)) {
          held = message;
          return [];
        }
        if (held === undefined || !isBefore(message)) return [message];
        const both = [message, held];
        held = undefined;
        return both;
      },
    };
  };
}

/** Changes the second record of a connection. */
function secondRecord(change: (message: Message) => readonly Message[]): () => Spoiling {
  return () => {
    let count = 0;
    return {
      fromServer(message) {
        if (!isRecord(message)) return [message];
        count += 1;
        return count === 2 ? change(message) : [message];
      },
    };
  };
}

export const CORRUPTIONS: readonly Corruption[] = [
  { name: "says no welcome", rule: "HS-1", spoil: changed("welcome", () => []) },
  { name: "says welcome twice", rule: "HS-1", spoil: changed("welcome", (one) => [one, one]) },
  { name: "sends binary messages", rule: "MSG-1", spoil: () => ({ isBinary: true }) },
  {
    name: "writes fields in camelCase",
    rule: "MSG-2",
    spoil: changed("welcome", ({ session_id, ...rest }) => [{ ...rest, session_id, sessionId: session_id }]),
  },
  {
    name: "renames keys of the application",
    rule: "MSG-4",
    spoil: () => ({
      fromServer: (one) => [JSON.parse(JSON.stringify(one).replaceAll("camelCase", "camel_case")) as Message],
    }),
  },
  {
    name: "answers with another ref",
    rule: "MSG-5",
    spoil: () => ({ fromServer: (one) => ["ref" in one ? { ...one, ref: `${one["ref"]}x` } : one] }),
  },
  {
    name: "forgets an inbox",
    rule: "HS-4",
    spoil: changed("welcome", (one) => [
      { ...one, subscriptions: (one["subscriptions"] as unknown[]).slice(1) },
    ]),
  },
  {
    name: "calls a resumed session fresh",
    rule: "HS-5",
    spoil: changed("welcome", (one) => [{ ...one, resumed: false }]),
  },
  {
    name: "believes a forged position",
    rule: "POS-6",
    spoil: () => ({
      fromServer(one) {
        if (one["type"] === "reset") return [];
        return [one["recovered"] === false ? { ...one, recovered: true, reason: undefined } : one];
      },
    }),
  },
  { name: "splices past a reset", rule: "SUB-5", spoil: changed("reset", () => []) },
  {
    name: "says reset behind the first record",
    rule: "SUB-5",
    spoil: late(({ type }) => type === "reset", isRecord),
  },
  {
    name: "delivers a record before subscribed",
    rule: "SUB-1",
    spoil: late(({ type }) => type === "subscribed", isRecord),
  },
  {
    name: "delivers a record after unsubscribed",
    rule: "SUB-11",
    spoil: late(
      (one) => isRecord(one) && seqOf(one) > 1,
      ({ type }) => type === "unsubscribed",
    ),
  },
  {
    name: "swaps two records",
    rule: "DEL-1",
    spoil: late((one) => isRecord(one) && seqOf(one) > 1, isRecord),
  },
  { name: "loses a record", rule: "DEL-2", spoil: secondRecord(() => []) },
  { name: "sends a record twice", rule: "DEL-2", spoil: secondRecord((one) => [one, one]) },
  {
    name: "changes the epoch without a word",
    rule: "DEL-2",
    spoil: () => ({
      fromServer: (one) => [
        isRecord(one) && seqOf(one) > 2 ? { ...one, position: `x${String(one["position"]).slice(1)}` } : one,
      ],
    }),
  },
  {
    name: "loses the end of a merged text",
    rule: "DEL-7",
    spoil: changed("chunk", (one) => {
      const chunk = one["chunk"] as { readonly delta?: string };
      return [
        chunk.delta === undefined ? one : { ...one, chunk: { ...chunk, delta: chunk.delta.slice(0, -1) } },
      ];
    }),
  },
  {
    name: "carries out a repeated command again",
    rule: "CMD-1",
    spoil: () => {
      let count = 0;
      const asked = new Map<string, unknown>();
      return {
        fromClient(one) {
          if (one["type"] !== "publish") return [one];
          count += 1;
          asked.set(`other-${count}`, one["id"]);
          return [{ ...one, id: `other-${count}` }];
        },
        fromServer: (one) => [
          asked.has(String(one["ref"])) ? { ...one, ref: asked.get(String(one["ref"])) } : one,
        ],
      };
    },
  },
  {
    name: "says a wrong position in the receipt",
    rule: "PUB-1",
    spoil: changed("receipt", (one) => ["position" in one ? movedBy(one, 1) : one]),
  },
  {
    name: "lets the sender be chosen",
    rule: "PUB-2",
    spoil: changed("message", (one) => [{ ...one, sender: "someone" }]),
  },
  {
    name: "ends an execution twice",
    rule: "EXE-3",
    spoil: () => ({ fromServer: (one) => (isTerminal(one) ? [one, movedBy(one, 1)] : [one]) }),
  },
  {
    name: "says nothing of usage",
    rule: "EXE-5",
    spoil: () => ({ fromServer: (one) => [isTerminal(one) ? { ...one, usage: undefined } : one] }),
  },
  {
    name: "confuses executions",
    rule: "EXE-9",
    spoil: () => {
      let first: unknown;
      return {
        fromServer(one) {
          if (one["type"] === "execution_started") first ??= one["execution_id"];
          return [one["type"] === "chunk" ? { ...one, execution_id: first } : one];
        },
      };
    },
  },
  {
    name: "sends a signal back to its sender",
    rule: "SIG-1",
    spoil: () => ({
      fromClient(one, link) {
        if (one["type"] === "signal") link.toClient({ ...one, sender: "me" });
        return [one];
      },
    }),
  },
  {
    name: "does not close the older connection of a session with 4409",
    rule: "RES-10",
    spoil: () => ({ closeCode: (code) => (code === 4409 ? 1000 : code) }),
  },
  {
    name: "replays what was confirmed",
    rule: "ACK-2",
    spoil: () => ({ fromClient: (one) => (one["type"] === "ack" ? [] : [one]) }),
  },
  { name: "sends no pings", rule: "HB-1", spoil: () => ({ passesPings: false }) },
  {
    name: "leaves a stream open after its end",
    rule: "STR-3",
    spoil: () => ({ closeCode: (code) => (code === 1000 ? undefined : code) }),
  },
  {
    name: "closes at the first message that it cannot read",
    rule: "ERR-2",
    spoil: () => ({
      fromServer(one, link) {
        if (one["code"] === "INVALID_MESSAGE") link.close(1002);
        return [one];
      },
    }),
  },
  {
    name: "repeats what was sent in errors",
    rule: "ERR-4",
    spoil: () => {
      let text = "";
      return {
        fromClient(one) {
          text = JSON.stringify(one);
          return [one];
        },
        fromServer: (one) => [
          one["type"] === "error" ? { ...one, message: `${one["message"]}: ${text}` } : one,
        ],
      };
    },
  },
  {
    name: "refuses one connection too many with 403",
    rule: "CON-6",
    spoil: () => ({ refusalStatus: (status) => (status === 429 ? 403 : status) }),
  },
];
