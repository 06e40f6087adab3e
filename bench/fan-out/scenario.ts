/** What every server under measurement does: some answers at once, each at the pace of a model, each with some viewers. */
export interface Scenario {
  readonly answerCount: number;
  readonly viewersPerAnswer: number;
  readonly tokensPerSecond: number;
  readonly durationSecs: number;
}

export const SUBJECTS = ["ws", "socket.io", "tachikoma-memory", "tachikoma-sqlite"] as const;
export type SubjectName = (typeof SUBJECTS)[number];

export interface Usage {
  readonly cpuMicros: number;
  readonly rssBytes: number;
}

/** A server in a process of its own. */
export interface Subject {
  readonly url: string;
  /** Begins the answers; only where the viewers do not begin them by themselves. */
  begin?(scenario: Scenario): void;
}

/** Milliseconds on the clock that all processes of one machine share. */
export function sharedNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The token says when it was made, so that a viewer can tell how old it is. As long as a short word. */
export function makeToken(): string {
  return `${sharedNowMs().toFixed(2)} `;
}

/** When the viewers saw a text of one or several tokens: how old each of them was. */
export function tokenAgesMs(text: string, nowMs: number): number[] {
  return text
    .split(" ")
    .filter((token) => token !== "")
    .map((token) => nowMs - Number(token));
}

/** Emits at a fixed pace; where a timer was late, what is due comes at once, as from a network. */
export function emitTokens(scenario: Scenario, emit: (token: string) => void): void {
  const total = tokenCount(scenario);
  const startMs = sharedNowMs();
  let emitted = 0;
  const timer = setInterval(() => {
    const dueCount = Math.min(
      total,
      Math.floor(((sharedNowMs() - startMs) / 1000) * scenario.tokensPerSecond),
    );
    for (; emitted < dueCount; emitted += 1) emit(makeToken());
    if (emitted === total) clearInterval(timer);
  }, 1000 / scenario.tokensPerSecond);
}

export function tokenCount({ tokensPerSecond, durationSecs }: Scenario): number {
  return tokensPerSecond * durationSecs;
}
