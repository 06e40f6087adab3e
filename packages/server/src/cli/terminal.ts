import type { Environment } from "../config/environment.ts";
import { createStyle, isColourWanted, type Style, withoutControlCharacters } from "./style.ts";

/** One of the two outputs of a command. */
export interface Output {
  readonly isTty: boolean;
  readonly style: Style;
  write(text: string): void;
  /** Writes what someone else wrote: on a terminal it loses its control characters. */
  writeForeign(text: string): void;
}

/** What a command has of the world around its process. */
export interface Terminal {
  /** The result, and nothing else. */
  readonly out: Output;
  /** Everything that is said about it. */
  readonly err: Output;
  readonly env: Environment;
  readInput(): Promise<string>;
  /** Milliseconds that only ever grow. */
  monotonicMs(): number;
  /** Ends the process where it stands. */
  exitAtOnce(code: number): void;
  /** Calls `listener` at each Ctrl-C (and SIGTERM where asked for) until the returned function is called. */
  onSignal(signals: readonly NodeJS.Signals[], listener: (signal: NodeJS.Signals) => void): () => void;
}

export function processTerminal(): Terminal {
  return {
    out: streamOutput(process.stdout, process.env),
    err: streamOutput(process.stderr, process.env),
    env: process.env,
    readInput: readStdin,
    monotonicMs: () => performance.now(),
    exitAtOnce: (code) => process.exit(code),
    onSignal(signals, listener) {
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
  };
}

function streamOutput(stream: NodeJS.WriteStream, env: Environment): Output {
  const isTty = stream.isTTY === true;
  return {
    isTty,
    style: createStyle(isColourWanted(env, isTty)),
    write: (text) => {
      stream.write(text);
    },
    writeForeign: (text) => {
      stream.write(isTty ? withoutControlCharacters(text) : text);
    },
  };
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
