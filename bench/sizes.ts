/** How large everything is: a look, or what is published. */
export interface Sizes {
  readonly rounds: number;
  /** Length of a measured window. */
  readonly seconds: number;
  readonly subscribers: number;
  readonly streams: number;
  readonly busyStreams: number;
  readonly connections: number;
  readonly clients: number;
  readonly missed: number;
  readonly orphans: number;
  readonly capacityStreams: number;
  /** How often the gap between a rate that holds and one that does not is halved. */
  readonly halvings: number;
  readonly idleConnections: number;
  readonly pingIntervalSecs: number;
  readonly answerSecs: number;
  readonly lateTokens: number;
  readonly slowViewers: number;
  readonly visitors: number;
  readonly resumers: number;
  readonly slowReaders: number;
}

export const QUICK: Sizes = {
  rounds: 1,
  seconds: 2,
  subscribers: 1_000,
  streams: 200,
  busyStreams: 600,
  connections: 1_000,
  clients: 200,
  missed: 100,
  orphans: 500,
  capacityStreams: 200,
  halvings: 1,
  // A tenth of the connections at ten times the pace: as many pings a second.
  idleConnections: 1_000,
  pingIntervalSecs: 3,
  answerSecs: 4,
  lateTokens: 5_000,
  slowViewers: 50,
  visitors: 100,
  resumers: 40,
  slowReaders: 5,
};

export const FULL: Sizes = {
  ...QUICK,
  rounds: 5,
  seconds: 10,
  busyStreams: 1_000,
  connections: 5_000,
  clients: 5_000,
  missed: 200,
  orphans: 2_000,
  capacityStreams: 1_000,
  halvings: 3,
  idleConnections: 10_000,
  pingIntervalSecs: 30,
  answerSecs: 20,
  lateTokens: 100_000,
  slowViewers: 100,
};

/** Options on the command line, and the sizes that each of them sets. */
export const SIZE_OPTIONS: Readonly<Record<string, readonly (keyof Sizes)[]>> = {
  rounds: ["rounds"],
  seconds: ["seconds"],
  subscribers: ["subscribers"],
  streams: ["streams", "busyStreams", "capacityStreams"],
  connections: ["connections", "idleConnections"],
  clients: ["clients"],
  missed: ["missed"],
  orphans: ["orphans"],
  "ping-secs": ["pingIntervalSecs"],
  "answer-secs": ["answerSecs"],
  "late-tokens": ["lateTokens"],
  "slow-viewers": ["slowViewers"],
  visitors: ["visitors"],
  resumers: ["resumers"],
  "slow-readers": ["slowReaders"],
};
