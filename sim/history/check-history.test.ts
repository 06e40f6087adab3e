import { describe, expect, test } from "vitest";
import { checkHistory } from "./check-history.ts";
import type { CheckOptions } from "./check-options.ts";
import type { HistoryRecord, LogEntry, RecordKind, RecordOf } from "./history-record.ts";
import type { InvariantId } from "./violation.ts";

// A good run that uses every kind of record: two people on one chat, an execution, one reconnect, one cancel.
const CHAT = "acme/chat:1";
const FILES = "acme/files";
const RUN = "acme/chat:run";

function dump(stream: string, entries: readonly LogEntry[], baseSeq = 0): HistoryRecord {
  return { kind: "log.dump", timeMs: 100_000, stream, epoch: "e1", baseSeq, entries };
}

function publish(
  timeMs: number,
  n: number,
  fields: { idem?: string; exclude?: string[] } = {},
): HistoryRecord[] {
  const place = { stream: CHAT, epoch: "e1", seq: n, tag: `t${n}` };
  return [
    { kind: "pub.invoke", timeMs, op: `p${n}`, stream: CHAT, val: `v${n}`, publisher: "ann", ...fields },
    { kind: "pub.ok", timeMs: timeMs + 5, op: `p${n}`, ...place },
  ];
}

function deliver(
  timeMs: number,
  session: string,
  seq: number,
  fields: Partial<RecordOf<"apply">> = {},
): HistoryRecord[] {
  const delivery = {
    timeMs,
    session,
    conn: `${session}-1`,
    stream: CHAT,
    epoch: "e1",
    seq,
    tag: `t${seq}`,
    val: `v${seq}`,
  };
  return [
    { kind: "wire", ...delivery, ...fields },
    { ...delivery, ...fields, kind: "apply" },
  ];
}

const CHAT_ENTRIES: LogEntry[] = [1, 2, 3, 4].map((seq) => ({
  seq,
  tag: `t${seq}`,
  val: `v${seq}`,
  ...(seq === 3 ? { exclude: ["ann"] } : {}),
}));

const RUN_ENTRIES: LogEntry[] = [
  { seq: 1, tag: "r1", val: "started g1", gen: "g1", fence: 1, role: "start" },
  { seq: 2, tag: "r2", val: "the ", gen: "g1", fence: 1, role: "chunk" },
  { seq: 3, tag: "r3", val: "the ", gen: "g1", fence: 1, role: "chunk" },
  { seq: 4, tag: "r4", val: "cancelled g1", gen: "g1", fence: 1, role: "terminal" },
];

function onRun(timeMs: number, seq: number, val: string, fromSeq?: number): HistoryRecord {
  const place = { stream: RUN, epoch: "e1", seq, tag: `r${seq}`, val };
  return {
    kind: "apply",
    timeMs,
    session: "bob",
    conn: "bob-1",
    ...place,
    ...(fromSeq === undefined ? {} : { fromSeq }),
  };
}

function goodHistory(): HistoryRecord[] {
  return [
    { kind: "mem", timeMs: 0, process: "node-1", rssBytes: 100, heapBytes: 50, moment: "baseline" },
    { kind: "conn", timeMs: 0, session: "ann", conn: "ann-1", tenant: "acme" },
    { kind: "conn", timeMs: 0, session: "bob", conn: "bob-1", tenant: "acme" },
    { kind: "grant", timeMs: 0, session: "bob", stream: FILES },
    { kind: "sub", timeMs: 1, session: "ann", stream: CHAT, epoch: "e1", seq: 0 },
    { kind: "sub", timeMs: 1, session: "bob", stream: CHAT },
    { kind: "sub", timeMs: 1, session: "bob", stream: RUN, epoch: "e1", seq: 0 },
    ...publish(10, 1),
    ...deliver(16, "ann", 1),
    ...deliver(17, "bob", 1),
    ...publish(20, 2, { idem: "k2" }),
    ...deliver(26, "ann", 2),
    { kind: "fault.on", timeMs: 30, fault: "cut bob" },
    { kind: "close", timeMs: 31, session: "bob", conn: "bob-1", code: 1006 },
    ...publish(32, 3, { exclude: ["ann"] }),
    { kind: "fault.off", timeMs: 40, fault: "cut bob" },
    { kind: "pub.invoke", timeMs: 41, op: "again", stream: CHAT, val: "v2", publisher: "ann", idem: "k2" },
    { kind: "pub.ok", timeMs: 42, op: "again", stream: CHAT, epoch: "e1", seq: 2, tag: "t2" },
    { kind: "pub.invoke", timeMs: 43, op: "refused", stream: CHAT, val: "v9", publisher: "ann" },
    { kind: "pub.fail", timeMs: 44, op: "refused", code: "FORBIDDEN" },
    { kind: "conn", timeMs: 45, session: "bob", conn: "bob-2", tenant: "acme" },
    { kind: "sub", timeMs: 46, session: "bob", stream: CHAT, epoch: "e1", seq: 1 },
    ...deliver(47, "bob", 3, { conn: "bob-2", fromSeq: 2, val: "v2v3" }),
    ...publish(50, 4),
    ...deliver(56, "ann", 4),
    ...deliver(56, "bob", 4, { conn: "bob-2" }),
    { kind: "gen.start", timeMs: 60, gen: "g1", stream: RUN, fence: 1, val: "started g1" },
    { kind: "llm.sent", timeMs: 61, gen: "g1" },
    { kind: "gen.chunk", timeMs: 70, gen: "g1", fence: 1, val: "the " },
    { kind: "gen.chunk", timeMs: 71, gen: "g1", fence: 1, val: "the " },
    onRun(72, 1, "started g1"),
    onRun(73, 3, "the the ", 2),
    { kind: "cancel.invoke", timeMs: 80, op: "c1", gen: "g1" },
    { kind: "cancel.ok", timeMs: 85, op: "c1", gen: "g1" },
    { kind: "llm.abort", timeMs: 90, gen: "g1" },
    { kind: "gen.terminal", timeMs: 95, gen: "g1", fence: 1, outcome: "cancelled", val: "cancelled g1" },
    onRun(96, 4, "cancelled g1"),
    { kind: "phase", timeMs: 100, phase: "heal" },
    { kind: "phase", timeMs: 200, phase: "quiescent" },
    { kind: "mem", timeMs: 99_000, process: "node-1", rssBytes: 110, heapBytes: 50, moment: "settled" },
    { kind: "phase", timeMs: 99_000, phase: "end" },
    dump(CHAT, CHAT_ENTRIES),
    dump(RUN, RUN_ENTRIES),
  ];
}

type Damage = (history: HistoryRecord[]) => HistoryRecord[];

/** Changes the records that match; fails when there is none, so that a damage cannot become a no-op unnoticed. */
function change<K extends RecordKind>(
  kind: K,
  fields: Partial<RecordOf<K>>,
  changed: Partial<RecordOf<K>>,
): Damage {
  return (history) => {
    const isMatch = matcher(history, kind, fields);
    return history.map((record) => (isMatch(record) ? ({ ...record, ...changed } as HistoryRecord) : record));
  };
}

function remove<K extends RecordKind>(kind: K, fields: Partial<RecordOf<K>>): Damage {
  return (history) => {
    const isMatch = matcher(history, kind, fields);
    return history.filter((record) => !isMatch(record));
  };
}

function matcher<K extends RecordKind>(history: HistoryRecord[], kind: K, fields: Partial<RecordOf<K>>) {
  const isMatch = (record: HistoryRecord) =>
    record.kind === kind &&
    Object.entries(fields).every(([field, value]) => Reflect.get(record, field) === value);
  if (!history.some(isMatch)) throw new Error(`no ${kind} with ${JSON.stringify(fields)} to damage`);
  return isMatch;
}

/** Puts records where their time says. */
function add(...records: HistoryRecord[]): Damage {
  return (history) => [...history, ...records].sort((a, b) => a.timeMs - b.timeMs);
}

function both(...damages: Damage[]): Damage {
  return (history) => damages.reduce((damaged, damage) => damage(damaged), history);
}

function found(history: HistoryRecord[], options?: Partial<CheckOptions>): InvariantId[] {
  return [...new Set(checkHistory(history, options).map(({ invariant }) => invariant))];
}

const [, appliedTwice] = deliver(57, "ann", 4);
const entriesWithout = (seq: number) =>
  dump(
    CHAT,
    CHAT_ENTRIES.filter((entry) => entry.seq !== seq),
  );

const BROKEN: [what: string, invariants: InvariantId[], damage: Damage][] = [
  [
    "two sessions see different values at one place",
    ["C1"],
    change("wire", { session: "bob", seq: 4 }, { val: "v3" }),
  ],
  [
    "a tag differs from the one acknowledged",
    ["C1"],
    change("wire", { session: "ann", seq: 2 }, { tag: "x" }),
  ],
  [
    "a merged delivery lost a character",
    ["C1"],
    change("apply", { session: "bob", seq: 3, val: "the the " }, { val: "the the" }),
  ],
  ["a value comes from nowhere", ["C2"], add(applied("made up"))],
  ["a value of a failed publish is applied", ["C2"], add(applied("v9"))],
  ["a record is skipped", ["C3"], remove("apply", { session: "ann", seq: 2 })],
  [
    "two records are swapped",
    ["C3"],
    both(change("apply", { session: "bob", seq: 1, stream: RUN }, { timeMs: 74 }), add()),
  ],
  ["a new epoch without a reset", ["C3", "C4", "C5", "C13"], add(applied("v2", { epoch: "e2", seq: 1 }))],
  ["a session starts behind what it asked for", ["C3"], remove("apply", { session: "ann", seq: 1 })],
  ["a record is applied twice", ["C4"], add(appliedTwice!)],
  ["a value is applied again under another number", ["C4"], add(applied("v4"))],
  [
    "an acknowledged value is not in the log",
    ["C5", "C6"],
    both(remove("log.dump", { stream: CHAT }), add(entriesWithout(2))),
  ],
  ["a session never gets the last value", ["C5", "C13"], remove("apply", { session: "ann", seq: 4 })],
  ["a lost tail is spliced over", ["C6"], splice],
  ["a record of another tenant is delivered", ["C7"], add(ofOtherTenant())],
  [
    "a replay ignores that the grant is gone",
    ["C7"],
    add(
      { kind: "revoke", timeMs: 60, session: "bob", stream: FILES },
      {
        kind: "wire",
        timeMs: 1_061,
        session: "bob",
        conn: "bob-2",
        stream: FILES,
        epoch: "e1",
        seq: 1,
        tag: "f",
        val: "file",
      },
    ),
  ],
  [
    "a record is delivered before the grant",
    ["C7"],
    both(
      change("grant", { stream: FILES }, { timeMs: 98 }),
      add({
        kind: "wire",
        timeMs: 97,
        session: "bob",
        conn: "bob-2",
        stream: FILES,
        epoch: "e1",
        seq: 1,
        tag: "f",
        val: "file",
      }),
      (history) => history.sort((a, b) => a.timeMs - b.timeMs),
    ),
  ],
  [
    "a later publish lies before an earlier one",
    ["C8"],
    add(
      { kind: "pub.invoke", timeMs: 57, op: "late", stream: "acme/b", val: "b2", publisher: "bob" },
      { kind: "pub.ok", timeMs: 58, op: "late", stream: "acme/b", epoch: "e1", seq: 8, tag: "b8" },
      { kind: "pub.invoke", timeMs: 59, op: "later", stream: "acme/b", val: "b3", publisher: "bob" },
      { kind: "pub.ok", timeMs: 60, op: "later", stream: "acme/b", epoch: "e1", seq: 7, tag: "b7" },
    ),
  ],
  [
    "a retry is appended again",
    ["C9"],
    both(
      remove("log.dump", { stream: CHAT }),
      add(dump(CHAT, [...CHAT_ENTRIES, { seq: 5, tag: "t5", val: "v2" }])),
    ),
  ],
  [
    "a retry is answered with another place",
    ["C8", "C9"],
    both(
      change("pub.ok", { op: "again" }, { seq: 5, tag: "t5" }),
      remove("log.dump", { stream: CHAT }),
      add(dump(CHAT, [...CHAT_ENTRIES, { seq: 5, tag: "t5", val: "v2" }])),
      remove("phase", { phase: "heal" }),
      remove("phase", { phase: "quiescent" }),
    ),
  ],
  [
    "chunks go on after a cancel",
    ["C10", "C12"],
    add({ kind: "gen.chunk", timeMs: 336, gen: "g1", fence: 1, val: "more" }),
  ],
  ["a cancel does not reach the model", ["C10"], remove("llm.abort", { gen: "g1" })],
  [
    "a cancelled execution says that it completed",
    ["C10"],
    change("gen.terminal", { gen: "g1" }, { outcome: "completed" }),
  ],
  [
    "a zombie writes after its successor",
    ["C11"],
    both(
      change("gen.chunk", { gen: "g1", timeMs: 70 }, { fence: 2 }),
      change("gen.terminal", { gen: "g1" }, { fence: 2 }),
    ),
  ],
  [
    "a zombie's record stands in the log",
    ["C11"],
    both(
      remove("log.dump", { stream: RUN }),
      add(
        dump(
          RUN,
          RUN_ENTRIES.map((entry) => (entry.seq === 2 ? { ...entry, fence: 2 } : entry)),
        ),
      ),
    ),
  ],
  [
    "an execution ends twice",
    ["C12"],
    add({ kind: "gen.terminal", timeMs: 97, gen: "g1", fence: 1, outcome: "cancelled" }),
  ],
  [
    "an execution never ends",
    ["C12"],
    both(remove("gen.terminal", { gen: "g1" }), remove("apply", { stream: RUN, seq: 4 })),
  ],
  [
    "a log goes on after the end",
    ["C12"],
    both(
      remove("log.dump", { stream: RUN }),
      add(
        dump(RUN, [...RUN_ENTRIES, { seq: 5, tag: "r5", val: "more", gen: "g1", fence: 1, role: "chunk" }]),
      ),
    ),
  ],
  [
    "a session is late, though it gets there",
    ["C13"],
    change("apply", { session: "ann", seq: 4 }, { timeMs: 60_000 }),
  ],
  [
    "memory goes over the cap",
    ["C14"],
    add({ kind: "mem", timeMs: 70, process: "node-1", rssBytes: 2 ** 40, heapBytes: 1 }),
  ],
  ["memory stays after the load", ["C14"], change("mem", { moment: "settled" }, { rssBytes: 116 })],
  ["an error has no documented code", ["C15"], change("pub.fail", { op: "refused" }, { code: "OOPS" })],
  [
    "a connection ends without a cause",
    ["C15"],
    add({ kind: "close", timeMs: 99_500, session: "ann", conn: "ann-1", code: 1006 }),
  ],
  ["a close code is not documented", ["C15"], change("close", { session: "bob" }, { code: 4999 })],
  [
    "a rejection was not handled",
    ["C15"],
    add({ kind: "process.error", timeMs: 70, process: "node-1", text: "TypeError" }),
  ],
];

function applied(val: string, fields: Partial<RecordOf<"apply">> = {}): HistoryRecord {
  const place = { stream: CHAT, epoch: "e1", seq: 5, tag: "t5" };
  return { kind: "apply", timeMs: 57, session: "ann", conn: "ann-1", ...place, val, ...fields };
}

function ofOtherTenant(): HistoryRecord {
  return {
    kind: "wire",
    timeMs: 57,
    session: "ann",
    conn: "ann-1",
    stream: "other/chat:1",
    epoch: "e1",
    seq: 1,
    tag: "o",
    val: "secret",
  };
}

/** After a failover the log has lost record 4 and grown another one; ann goes on as if nothing had happened. */
function splice(): HistoryRecord[] {
  return lostTail().filter((record) => record.kind !== "reset");
}

function lostTail(): HistoryRecord[] {
  const val = "w";
  const place = { stream: CHAT, epoch: "e1" };
  return [
    { kind: "conn", timeMs: 0, session: "ann", conn: "ann-1", tenant: "acme" },
    { kind: "sub", timeMs: 1, session: "ann", stream: CHAT, epoch: "e1", seq: 0 },
    ...publish(10, 1),
    ...publish(11, 2),
    ...deliver(20, "ann", 1),
    ...deliver(21, "ann", 2),
    { kind: "pub.invoke", timeMs: 30, op: "w", stream: CHAT, val },
    { kind: "pub.info", timeMs: 31, op: "w" },
    { kind: "reset", timeMs: 39, session: "ann", reason: "lost", ...place, seq: 2 },
    { kind: "apply", timeMs: 40, session: "ann", conn: "ann-1", ...place, seq: 3, tag: "w3", val },
    dump(CHAT, [
      { seq: 1, tag: "t1", val: "v1" },
      { seq: 3, tag: "w3", val },
    ]),
  ];
}

describe("broken histories are flagged with the invariant that they break", () => {
  test.each(BROKEN)("%s: %s", (what, invariants, damage) => {
    const options = what === "a lost tail is spliced over" ? { isDurable: false } : {};
    expect(found(damage(goodHistory()), options).sort()).toEqual([...invariants].sort());
  });

  test("every invariant has one", () => {
    const shown = new Set(BROKEN.flatMap(([, invariants]) => invariants));
    expect(shown.size).toBe(15);
  });

  test("a violation shows the records that prove it", () => {
    const [violation] = checkHistory(remove("apply", { session: "ann", seq: 2 })(goodHistory()));
    expect(violation?.records.map((record) => record.kind === "apply" && record.seq)).toEqual([1, 4]);
    expect(violation?.text).toContain("2 is missing");
  });
});

describe("good histories are not flagged", () => {
  const good: [what: string, change: Damage, options?: Partial<CheckOptions>][] = [
    ["the whole run", (history) => history],
    ["an empty one", () => []],
    ["a run that was cut off anywhere", (history) => history.slice(0, 30)],
    ["a loss that a reset told of", lostTail, { isDurable: false }],
    [
      "values that repeat after a reset",
      add(
        { kind: "reset", timeMs: 57, session: "ann", stream: CHAT, reason: "unproven", epoch: "e1", seq: 3 },
        appliedTwice!,
      ),
    ],
    [
      "a session that left and came back later",
      add(
        { kind: "unsub", timeMs: 57, session: "ann", stream: CHAT },
        { kind: "sub", timeMs: 58, session: "ann", stream: CHAT, epoch: "e1", seq: 3 },
        { ...appliedTwice!, timeMs: 59 },
      ),
    ],
    [
      "trimmed records",
      both(remove("log.dump", { stream: CHAT }), add(dump(CHAT, CHAT_ENTRIES.slice(2), 2))),
    ],
    ["duplicates on the wire", add({ ...appliedTwice!, kind: "wire" } as HistoryRecord)],
    [
      "a delivery that crossed the revoke",
      add(
        { kind: "revoke", timeMs: 60, session: "bob", stream: FILES },
        {
          kind: "wire",
          timeMs: 1_060,
          session: "bob",
          conn: "bob-2",
          stream: FILES,
          epoch: "e1",
          seq: 1,
          tag: "f",
          val: "file",
        },
      ),
    ],
    [
      "an end that came before the cancel",
      change("gen.terminal", { gen: "g1" }, { timeMs: 82, outcome: "completed" }),
    ],
    [
      "a takeover",
      both(
        change("gen.chunk", { gen: "g1", timeMs: 71 }, { fence: 2 }),
        change("gen.terminal", { gen: "g1" }, { fence: 3 }),
      ),
    ],
    [
      "a start that a failover took, written again by the next owner",
      both(
        change("gen.terminal", { gen: "g1" }, { fence: 3 }),
        add(
          { kind: "gen.lost", timeMs: 69, gen: "g1", appendCount: 0, isStartLost: true },
          { kind: "gen.start", timeMs: 72, gen: "g1", stream: RUN, fence: 3, val: "started g1" },
        ),
      ),
    ],
    [
      "a session that is away has missed nothing",
      both(
        remove("apply", { session: "ann", seq: 4 }),
        add({ kind: "close", timeMs: 55, session: "ann", conn: "ann-1", code: 1001 }),
      ),
    ],
    [
      "a publish of which nobody knows",
      add(
        { kind: "pub.invoke", timeMs: 58, op: "lost", stream: CHAT, val: "v7" },
        { kind: "pub.info", timeMs: 59, op: "lost" },
      ),
    ],
  ];
  test.each(good)("%s", (_, damage, options) => {
    expect(checkHistory(damage(goodHistory()), options)).toEqual([]);
  });
});

test("each record is looked at a fixed number of times", () => {
  const readsPerRecord = (sessionCount: number, publishCount: number) => {
    const history: HistoryRecord[] = [{ kind: "phase", timeMs: 0, phase: "heal" }];
    for (let n = 0; n < sessionCount; n += 1) {
      const session = `s${n}`;
      history.push({ kind: "conn", timeMs: 0, session, conn: `${session}-1`, tenant: "acme" });
      history.push({ kind: "sub", timeMs: 0, session, stream: CHAT, epoch: "e1", seq: 0 });
    }
    for (let n = 1; n <= publishCount; n += 1) {
      history.push(...publish(n, n));
      for (let s = 0; s < sessionCount; s += 1) history.push(...deliver(n + 5, `s${s}`, n));
    }
    history.push(
      { kind: "phase", timeMs: 50_000, phase: "quiescent" },
      { kind: "phase", timeMs: 60_000, phase: "end" },
    );
    let readCount = 0;
    const counted = new Proxy(history, {
      get: (records, key) => {
        if (typeof key === "string" && /^\d+$/.test(key)) readCount += 1;
        return Reflect.get(records, key);
      },
    });
    expect(checkHistory(counted)).toEqual([]);
    return readCount / history.length;
  };
  const small = readsPerRecord(2, 20);
  expect(readsPerRecord(2, 400)).toBeCloseTo(small, 0);
  expect(readsPerRecord(60, 20)).toBeCloseTo(small, 0);
});
