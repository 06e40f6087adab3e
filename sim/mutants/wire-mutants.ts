/** Servers with a fault in what they send, or in what they understand. */
import { parsePosition } from "@tachikoma/protocol";
import type { Transport } from "../../packages/server/src/core/ports.ts";
import { logId, type StoreState } from "../store/store-state.ts";
import type { Mutant } from "./mutant.ts";

const utf8 = new TextEncoder();
const utf16 = new TextDecoder();
const END = "\n";
const RECORD_FRAME = /^\{"type":"(message|chunk|execution_)/;

/** A transport on which the lines of each write are changed before they go out. */
function rewriting(change: (lines: string[]) => string[]): Mutant["variant"] {
  return {
    wrapTransport: (transport) =>
      new Proxy(transport, {
        get(target, name) {
          if (name === "write") {
            return (bytes: Uint8Array) => {
              const lines = utf16.decode(bytes).split(END).slice(0, -1);
              target.write(
                utf8.encode(
                  change(lines)
                    .map((line) => line + END)
                    .join(""),
                ),
              );
            };
          }
          const value = Reflect.get(target, name) as unknown;
          return typeof value === "function" ? value.bind(target) : value;
        },
      }) as Transport,
  };
}

function dropping(oneIn: number): Mutant["variant"] {
  let count = 0;
  return rewriting((lines) =>
    lines.filter((line) => {
      if (RECORD_FRAME.test(line)) count += 1;
      return !RECORD_FRAME.test(line) || count % oneIn !== 0;
    }),
  );
}

/** What a server without tags makes of a position: there is a record with this number, so the client has it. */
function withTagOfLog(text: string, state: StoreState): string {
  if (!text.startsWith('{"type":"subscribe"')) return text;
  const message = JSON.parse(text) as { channel: string; position?: string };
  const position = message.position === undefined ? undefined : parsePosition(message.position);
  const log = state.logs.get(logId({ tenant: "default", channel: message.channel }));
  const found = log?.records.find(({ seq }) => seq === position?.seq);
  if (position === undefined || found === undefined || log?.epoch !== position.epoch) return text;
  return JSON.stringify({ ...message, position: `${position.epoch}.${position.seq}.${found.tag}` });
}

/** From the second time on, the position with which the client came back the first time. */
function rememberingResumes(): Mutant["variant"] {
  const first = new Map<string, { readonly linkId: string; readonly position: string }>();
  return {
    readInbound(text, { clientName, id }) {
      if (!text.startsWith('{"type":"subscribe"')) return text;
      const message = JSON.parse(text) as { channel: string; position?: string };
      if (message.position === undefined) return text;
      const key = `${clientName} ${message.channel}`;
      const known = first.get(key);
      if (known === undefined) first.set(key, { linkId: id, position: message.position });
      if (known === undefined || known.linkId === id) return text;
      return JSON.stringify({ ...message, position: known.position });
    },
  };
}

export const WIRE_MUTANTS: Readonly<Record<string, () => Mutant>> = {
  "drops one record in a thousand": () => ({ variant: dropping(1_000) }),
  "swaps two records now and then": () => {
    let count = 0;
    return {
      variant: rewriting((lines) => {
        const at = lines.findIndex(
          (line, index) => RECORD_FRAME.test(line) && RECORD_FRAME.test(lines[index + 1] ?? ""),
        );
        count += Number(at !== -1);
        if (at === -1 || count % 10 !== 0) return lines;
        return [...lines.slice(0, at), lines[at + 1]!, lines[at]!, ...lines.slice(at + 2)];
      }),
    };
  },
  "does not look at tags": () => ({
    variant: { readInbound: (text, _, state) => withTagOfLog(text, state) },
    plan: { nodeCount: 1, isStoreShared: false, mayRestoreBackup: true, faultShare: 0.3 },
  }),
  "goes on at an old place when a client resumes again": () => ({ variant: rememberingResumes() }),
};
