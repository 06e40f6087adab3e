import type { Environment } from "../../config/environment.ts";
import { createStyle, withoutControlCharacters } from "../style.ts";
import type { Output, Terminal } from "../terminal.ts";

export interface RecordingTerminal extends Terminal {
  outText(): string;
  errText(): string;
  advance(elapsedMs: number): void;
  /** What `exitAtOnce` was called with. */
  readonly exitCodes: readonly number[];
  /** Delivers a signal to whoever listens; false when nobody does. */
  signal(signal: NodeJS.Signals): boolean;
}

interface RecordingOptions {
  readonly isTty?: boolean;
  readonly env?: Environment;
  readonly input?: string;
}

/** A terminal that keeps what is written to it. */
export function recordingTerminal({
  isTty = false,
  env = {},
  input = "",
}: RecordingOptions = {}): RecordingTerminal {
  const out: string[] = [];
  const err: string[] = [];
  const exitCodes: number[] = [];
  let nowMs = 0;
  const listeners = new Map<string, Set<(signal: NodeJS.Signals) => void>>();
  return {
    out: recordingOutput(out, isTty),
    err: recordingOutput(err, isTty),
    env,
    readInput: async () => input,
    monotonicMs: () => nowMs,
    exitAtOnce: (code) => {
      exitCodes.push(code);
    },
    exitCodes,
    advance: (elapsedMs) => {
      nowMs += elapsedMs;
    },
    onSignal(signals, listener) {
      for (const signal of signals) listeners.set(signal, (listeners.get(signal) ?? new Set()).add(listener));
      return () => {
        for (const signal of signals) listeners.get(signal)?.delete(listener);
      };
    },
    outText: () => out.join(""),
    errText: () => err.join(""),
    signal(signal) {
      const called = [...(listeners.get(signal) ?? [])];
      for (const listener of called) listener(signal);
      return called.length > 0;
    },
  };
}

function recordingOutput(texts: string[], isTty: boolean): Output {
  return {
    isTty,
    style: createStyle(false),
    write: (text) => {
      texts.push(text);
    },
    writeForeign: (text) => {
      texts.push(isTty ? withoutControlCharacters(text) : text);
    },
  };
}
