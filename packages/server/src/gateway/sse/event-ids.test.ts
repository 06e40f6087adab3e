import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventFraming } from "./event-framing.ts";
import { EventIds, positionsIn } from "./event-ids.ts";

function frameOf(message: object): Uint8Array {
  return eventFraming.frame(JSON.stringify(message));
}

function idsOf(bytes: Uint8Array): (string | undefined)[] {
  const events = Buffer.from(bytes).toString("utf8").split("\n\n").slice(0, -1);
  return events.map((event) => /^id: (.*)$/m.exec(event)?.[1]);
}

const record = (channel: string, position: string) => ({
  type: "message",
  channel,
  position,
  data: "\n\nid: x",
});

describe("SSE-4 ids", () => {
  test.each([
    ["a record", record("a", "e.1.t"), "e.1.t"],
    [
      "a merged chunk",
      { type: "chunk", channel: "a", position: "e.9.t", n: 4, execution_id: "x", chunk: {} },
      "e.9.t",
    ],
    ["an end", { type: "execution_completed", channel: "a", position: "e.2.t", execution_id: "x" }, "e.2.t"],
    ["a reset", { type: "reset", channel: "a", reason: "trimmed", position: "e.3.t" }, "e.3.t"],
    [
      "a subscription that goes on",
      { type: "subscribed", channel: "a", position: "e.4.t", recovered: true },
      "e.4.t",
    ],
    [
      "one that does not",
      { type: "subscribed", channel: "a", position: "e.4.t", recovered: false },
      undefined,
    ],
    ["a receipt", { type: "receipt", ref: "1", status: "applied", position: "e.5.t" }, undefined],
    [
      "a signal that looks like a record",
      { type: "signal", channel: "a", data: { position: "e.6.t" } },
      undefined,
    ],
    ["a record of another channel", record("b", "f.1.t"), undefined],
  ])("%s", (_what, message, id) => {
    expect(idsOf(new EventIds([{ channel: "a" }]).rewrite(frameOf(message)))).toEqual([id]);
  });

  test("are those of one connection, though the bytes are everyone's", () => {
    const page = Buffer.concat([frameOf(record("a", "e.1.t")), frameOf(record("b", "f.1.t"))]);
    const before = Buffer.from(page);
    expect(idsOf(new EventIds([{ channel: "b" }]).rewrite(page))).toEqual([undefined, "f.1.t"]);
    expect(idsOf(new EventIds([{ channel: "a" }]).rewrite(page))).toEqual(["e.1.t", undefined]);
    expect(page.equals(before)).toBe(true);
  });

  test("of several channels say all of them after every event", () => {
    const name = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" });
    const names = fc.uniqueArray(name, { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(names, fc.array(fc.nat(), { maxLength: 30 }), fc.nat(), (channels, picks, cutAt) => {
        const ids = new EventIds(channels.map((channel) => ({ channel })));
        const positions = new Map<string, string>();
        for (const [index, pick] of picks.entries()) {
          const channel = channels[pick % channels.length]!;
          positions.set(channel, `e.${index + 1}.t`);
          const [id] = idsOf(ids.rewrite(frameOf(record(channel, `e.${index + 1}.t`))));
          expect(id).toMatch(/^[\w.=,-]+$/);
          const turned = [
            ...channels.slice(cutAt % channels.length),
            ...channels.slice(0, cutAt % channels.length),
          ];
          expect(positionsIn(id!, turned)).toEqual(turned.map((one) => positions.get(one)));
        }
      }),
      { numRuns: 50 },
    );
  });
});

test("SSE-3 an event is one line of data, whatever stands in the message", () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      const text = Buffer.from(
        eventFraming.frame(`{"type":"signal","channel":"a",\r\n"data":${json}}`),
      ).toString("utf8");
      const lines = text.split(/[\r\n]/);
      expect(lines.filter((line) => line !== "")).toHaveLength(1);
      expect(JSON.parse(lines[0]!.slice("data: ".length))).toMatchObject({ data: JSON.parse(json) });
    }),
  );
});
