import { describe, expect, test } from "vitest";
import {
  type ConnectionEvent,
  type ConnectionState,
  type EventType,
  type StateName,
  type TransitionContext,
  transition,
  wakeAtMs,
} from "./connection-state.ts";

const NOW = 100_000;
const SETTINGS = {
  connectTimeoutMs: 15_000,
  heartbeat: { idlePingAfterMs: 35_000, pongTimeoutMs: 10_000 },
  backOff: { baseDelayMs: 500, maxDelayMs: 30_000, stableAfterMs: 60_000 },
};

function contextAt(overrides: Partial<TransitionContext> = {}): TransitionContext {
  return {
    nowMs: NOW,
    lastReceivedMs: NOW - 1_000,
    isNetworkDown: false,
    fraction: () => 0.5,
    settings: SETTINGS,
    ...overrides,
  };
}

const ATTEMPTED = { generation: 3, mayTakeBack: false, failureCount: 2 };
const CONNECTED = { ...ATTEMPTED, sinceMs: NOW - 5_000, moveAtMs: undefined };

const STATES: { [Name in StateName]: Extract<ConnectionState, { name: Name }> } = {
  offline: { name: "offline", generation: 3, mayTakeBack: false },
  connecting: { name: "connecting", ...ATTEMPTED, deadlineMs: NOW + 1 },
  online: { name: "online", ...CONNECTED, checkAtMs: NOW + 30_000 },
  probing: { name: "probing", ...CONNECTED, pingedAtMs: NOW - 500, deadlineMs: NOW + 9_500 },
  waiting: { name: "waiting", ...ATTEMPTED, untilMs: NOW + 1 },
  closed: { name: "closed", generation: 3, code: 1000, reason: "" },
};

const EVENTS: { [Type in EventType]: Extract<ConnectionEvent, { type: Type }> } = {
  connect: { type: "connect" },
  disconnect: { type: "disconnect" },
  close: { type: "close" },
  welcomed: { type: "welcomed", generation: 3, isResumed: true },
  socketClosed: { type: "socketClosed", generation: 3, code: 1006, reason: "" },
  attemptFailed: { type: "attemptFailed", generation: 3 },
  reconnectAsked: { type: "reconnectAsked", inMs: 2_000 },
  drop: { type: "drop" },
  timer: { type: "timer" },
  visible: { type: "visible" },
  networkUp: { type: "networkUp" },
  networkDown: { type: "networkDown" },
};

/** The next state's name, then the effects. A time after `@` is the next wake-up, relative to now. */
type Expected = string;

const TABLE: Record<StateName, Record<EventType, Expected>> = {
  offline: {
    connect: "connecting@15000 openSocket",
    disconnect: "same",
    close: "closed",
    welcomed: "same",
    socketClosed: "same",
    attemptFailed: "same",
    reconnectAsked: "same",
    drop: "same",
    timer: "same",
    visible: "same",
    networkUp: "same",
    networkDown: "same",
  },
  connecting: {
    connect: "same",
    disconnect: "offline leave",
    close: "closed leave",
    welcomed: "online@35000",
    socketClosed: "waiting@1000",
    attemptFailed: "waiting@1000",
    reconnectAsked: "same",
    drop: "waiting@1000 abandon",
    timer: "same",
    visible: "same",
    networkUp: "same",
    networkDown: "same",
  },
  online: {
    connect: "same",
    disconnect: "offline leave",
    close: "closed leave",
    welcomed: "same",
    socketClosed: "waiting@1000",
    attemptFailed: "same",
    reconnectAsked: "online@2000",
    drop: "waiting@1000 abandon",
    timer: "online@34000",
    visible: "probing@10000 sendPing",
    networkUp: "probing@10000 sendPing",
    networkDown: "probing@10000 sendPing",
  },
  probing: {
    connect: "same",
    disconnect: "offline leave",
    close: "closed leave",
    welcomed: "same",
    socketClosed: "waiting@1000",
    attemptFailed: "same",
    reconnectAsked: "online@2000",
    drop: "waiting@1000 abandon",
    timer: "same",
    visible: "same",
    networkUp: "same",
    networkDown: "same",
  },
  waiting: {
    connect: "connecting@15000 openSocket",
    disconnect: "offline",
    close: "closed",
    welcomed: "same",
    socketClosed: "same",
    attemptFailed: "same",
    reconnectAsked: "same",
    drop: "same",
    timer: "same",
    visible: "connecting@15000 openSocket",
    networkUp: "connecting@15000 openSocket",
    networkDown: "waiting@30000",
  },
  closed: {
    connect: "same",
    disconnect: "same",
    close: "same",
    welcomed: "same",
    socketClosed: "same",
    attemptFailed: "same",
    reconnectAsked: "same",
    drop: "same",
    timer: "same",
    visible: "same",
    networkUp: "same",
    networkDown: "same",
  },
};

function describeTransition(
  state: ConnectionState,
  event: ConnectionEvent,
  context: TransitionContext,
): Expected {
  const next = transition(state, event, context);
  if (next.state === state && next.effects.length === 0) return "same";
  const wakeMs = wakeAtMs(next.state);
  const name = wakeMs === undefined ? next.state.name : `${next.state.name}@${wakeMs - context.nowMs}`;
  const effects = next.effects.map((effect) =>
    effect.type === "closeSocket" ? (effect.isAbrupt ? "abandon" : "leave") : effect.type,
  );
  return [name, ...effects].join(" ");
}

describe("every state meets every event", () => {
  for (const [name, row] of Object.entries(TABLE) as [StateName, Record<EventType, Expected>][]) {
    test.each(Object.entries(row) as [EventType, Expected][])(`${name}, %s: %s`, (type, expected) => {
      expect(describeTransition(STATES[name], EVENTS[type], contextAt())).toBe(expected);
    });
  }
});

describe("what a socket of an older generation reports is ignored", () => {
  const late: ConnectionEvent[] = [
    { type: "welcomed", generation: 2, isResumed: true },
    { type: "socketClosed", generation: 2, code: 4409, reason: "" },
    { type: "attemptFailed", generation: 2 },
  ];
  for (const state of Object.values(STATES)) {
    test.each(late)(`${state.name}, $type`, (event) => {
      expect(describeTransition(state, event, contextAt())).toBe("same");
    });
  }
});

describe("close codes decide what comes next", () => {
  test.each([
    [1012, "waiting@1000"],
    [1011, "waiting@1000"],
    [4001, "waiting@1000"],
    [4099, "waiting@1000"],
    [4100, "waiting@1000 forgetSession"],
    [4401, "closed"],
    [4409, "closed"],
    [1009, "closed"],
  ])("%i: %s", (code, expected) => {
    for (const name of ["connecting", "online", "probing"] as const) {
      const event: ConnectionEvent = { type: "socketClosed", generation: 3, code, reason: "why" };
      expect(describeTransition(STATES[name], event, contextAt())).toBe(expected);
    }
  });
});

describe("a session that another connection has", () => {
  const REPLACED = 4409;

  /** One after the other, each in the generation of the state that it meets. Time does not pass, and waiting is over at once. */
  function after(
    ...events: readonly (ConnectionEvent | "leave by timer" | typeof REPLACED)[]
  ): ConnectionState {
    let state: ConnectionState = { name: "offline", generation: 0, mayTakeBack: false };
    for (const one of events) {
      const generation: number = state.generation;
      const event: ConnectionEvent =
        one === REPLACED
          ? { type: "socketClosed", generation, code: REPLACED, reason: "" }
          : one === "leave by timer"
            ? EVENTS.timer
            : "generation" in one
              ? { ...one, generation }
              : one;
      const nowMs: number = one === "leave by timer" ? wakeAtMs(state)! : NOW;
      state = transition(state, event, contextAt({ nowMs, lastReceivedMs: nowMs })).state;
    }
    return state;
  }

  const { connect, disconnect, drop, socketClosed, attemptFailed, visible } = EVENTS;
  const fresh: ConnectionEvent = { ...EVENTS.welcomed, isResumed: false };
  const resumed: ConnectionEvent = EVENTS.welcomed;

  test("is left to it by a client that had no other connection", () => {
    expect(after(connect, fresh, REPLACED)).toMatchObject({ name: "closed", code: REPLACED });
    expect(after(connect, attemptFailed, connect, fresh, REPLACED)).toMatchObject({ name: "closed" });
  });

  test.each([
    ["was cut", [socketClosed]],
    ["was given up", [drop]],
    ["was left for a while", [disconnect]],
    ["was left because the server drains", [EVENTS.reconnectAsked, "leave by timer"]],
    ["was followed by an attempt that failed", [socketClosed, visible, socketClosed]],
  ] as const)("is taken back by one whose earlier connection %s", (_, events) => {
    const online = after(connect, fresh, ...events, connect, visible, resumed);
    expect(online).toMatchObject({ name: "online" });
    const replaced = transition(
      online,
      { type: "socketClosed", generation: online.generation, code: REPLACED, reason: "" },
      contextAt(),
    );
    expect(replaced.state).toMatchObject({ name: "waiting" });
    expect(replaced.effects).toEqual([]);
  });

  test("is taken back from an attempt that nothing was heard of, also before the welcome", () => {
    const state = after(connect, fresh, socketClosed, visible, "leave by timer", visible, REPLACED);
    expect(state).toMatchObject({ name: "waiting" });
  });

  test("is taken back once for each connection that was lost", () => {
    const back = [connect, fresh, socketClosed, visible, resumed, REPLACED, visible, resumed] as const;
    expect(after(...back, REPLACED)).toMatchObject({ name: "closed", code: REPLACED });
    expect(after(...back, socketClosed, visible, resumed, REPLACED)).toMatchObject({ name: "waiting" });
  });

  test("and that this client began with may have been another page's: of two the newer has the last word", () => {
    expect(after(connect, resumed, REPLACED)).toMatchObject({ name: "waiting" });
    expect(after(connect, resumed, REPLACED, visible, resumed, REPLACED)).toMatchObject({ name: "closed" });
  });

  test("is not taken back where the session is a new one", () => {
    expect(after(connect, fresh, socketClosed, visible, fresh, REPLACED)).toMatchObject({ name: "closed" });
  });
});

describe("time", () => {
  const overdue = contextAt({ nowMs: NOW + 60_000, lastReceivedMs: NOW - 1_000 });

  test("an attempt that hangs is given up", () => {
    expect(describeTransition(STATES.connecting, EVENTS.timer, overdue)).toBe("waiting@1000 abandon");
  });

  test("a wait that is over starts the next attempt", () => {
    expect(describeTransition(STATES.waiting, EVENTS.timer, overdue)).toBe("connecting@15000 openSocket");
  });

  test("an idle connection is probed", () => {
    expect(describeTransition(STATES.online, EVENTS.timer, overdue)).toBe("probing@10000 sendPing");
  });

  test("a probe without any answer ends the connection", () => {
    expect(describeTransition(STATES.probing, EVENTS.timer, overdue)).toMatch(/^waiting@\d+ abandon$/);
  });

  test("a page that becomes visible after the deadline does not wait for the timer", () => {
    expect(describeTransition(STATES.probing, EVENTS.visible, overdue)).toMatch(/^waiting@\d+ abandon$/);
  });

  test("anything received since the ping is an answer", () => {
    const answered = contextAt({ lastReceivedMs: NOW - 100 });
    expect(describeTransition(STATES.probing, EVENTS.timer, answered)).toBe("online@34900");
  });

  test("a connection that held long enough starts the count of failures again", () => {
    const stable = contextAt({ nowMs: STATES.online.sinceMs + 60_000 });
    expect(transition(STATES.online, EVENTS.socketClosed, stable).state).toMatchObject({ failureCount: 1 });
    const shaky = contextAt({ nowMs: STATES.online.sinceMs + 59_999 });
    expect(transition(STATES.online, EVENTS.socketClosed, shaky).state).toMatchObject({ failureCount: 3 });
  });

  test("without a network, a failure costs no attempt and waits long", () => {
    const { state } = transition(STATES.connecting, EVENTS.socketClosed, contextAt({ isNetworkDown: true }));
    expect(state).toMatchObject({ name: "waiting", failureCount: 2, untilMs: NOW + 30_000 });
  });

  test("a clock that was set back does not put off the heartbeat", () => {
    const back = contextAt({ nowMs: NOW - 3_600_000, lastReceivedMs: NOW });
    const { state } = transition(STATES.online, EVENTS.timer, back);
    expect(wakeAtMs(state)).toBe(NOW - 3_600_000 + 35_000);
  });
});

describe("a server that refuses for now", () => {
  const refusedFor = (retryAfterMs: number) =>
    describeTransition(STATES.connecting, { ...EVENTS.socketClosed, retryAfterMs }, contextAt());

  test("is not asked again before it said, and then with jitter", () => {
    expect(refusedFor(0)).toBe("waiting@1000");
    expect(refusedFor(5_000)).toBe("waiting@6000");
  });

  test("cannot keep a client away for ever", () => {
    expect(refusedFor(1e12)).toBe("waiting@601000");
    expect(refusedFor(-5)).toBe("waiting@1000");
  });
});

describe("a server that drains", () => {
  const asked = transition(STATES.online, EVENTS.reconnectAsked, contextAt()).state;

  test("is left when the time has come, for the next connection", () => {
    const due = contextAt({ nowMs: NOW + 2_000 });
    expect(describeTransition(asked, EVENTS.timer, due)).toBe("connecting@15000 leave openSocket");
  });

  test("and that closes earlier is not hurried", () => {
    const early = contextAt({ nowMs: NOW + 500 });
    expect(describeTransition(asked, EVENTS.socketClosed, early)).toBe("waiting@1500");
  });

  test("and that nobody has replaced yet is asked again with jitter over the whole of the back-off", () => {
    const early = contextAt({ nowMs: NOW + 500 });
    let { state } = transition(asked, EVENTS.socketClosed, early);
    const delays: number[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const nowMs = wakeAtMs(state)!;
      state = transition(state, EVENTS.timer, contextAt({ nowMs })).state;
      const refused: ConnectionEvent = { ...EVENTS.socketClosed, generation: state.generation };
      state = transition(state, refused, contextAt({ nowMs })).state;
      delays.push(wakeAtMs(state)! - nowMs);
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000]);
  });

  test("and closes late finds a client that has moved by itself", () => {
    const due = contextAt({ nowMs: NOW + 2_000 });
    const { state } = transition(asked, EVENTS.timer, due);
    expect(describeTransition(state, EVENTS.socketClosed, due)).toBe("same");
  });

  test("cannot send a client away for ever", () => {
    const { state } = transition(STATES.online, { type: "reconnectAsked", inMs: 1e12 }, contextAt());
    expect(state).toMatchObject({ moveAtMs: NOW + 600_000 });
  });
});
