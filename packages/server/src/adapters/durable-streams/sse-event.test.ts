import fc from "fast-check";
import { expect, test } from "vitest";
import { controlEvent, dataEvent } from "./sse-event.ts";
import { parsedEvents } from "./testing/sse-parser.ts";

test("whatever stands in the content is content, and nothing of it an event", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("\r", "\n", "\r\n", "\n\nevent: control\ndata: {}\n\n", " ", "\0"),
  );
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
      const text = pieces.join("");
      const written = dataEvent([Buffer.from(text)], "text/plain") + controlEvent({ streamNextOffset: "1" });
      expect(parsedEvents(written)).toEqual([
        {
          event: "data",
          data: Buffer.from(text)
            .toString()
            .replaceAll(/\r\n|\r/g, "\n"),
        },
        { event: "control", data: '{"streamNextOffset":"1"}' },
      ]);
    }),
  );
});

test("messages are an array, bytes are base64", () => {
  expect(parsedEvents(dataEvent([Buffer.from('{"a":1}'), Buffer.from("[2]")], "application/json"))).toEqual([
    { event: "data", data: '[{"a":1},[2]]' },
  ]);
  expect(parsedEvents(dataEvent([Buffer.from([0xff]), Buffer.from([0x00])], "image/png"))).toEqual([
    { event: "data", data: "/wA=" },
  ]);
});
