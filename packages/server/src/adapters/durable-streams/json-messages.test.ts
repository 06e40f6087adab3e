import fc from "fast-check";
import { expect, test } from "vitest";
import { elementsOf, messagesOf } from "./json-messages.ts";

test.each([
  ["{}", ["{}"]],
  [" 1 ", ["1"]],
  ["[]", []],
  [" [ ] ", []],
  ["[1,2]", ["1", "2"]],
  ["[[1,2],[3]]", ["[1,2]", "[3]"]],
  ['["a,b","]","\\"",{"k":"[,"}]', ['"a,b"', '"]"', '"\\""', '{"k":"[,"}']],
  ["[12345678901234567890.10, 1e400]", ["12345678901234567890.10", "1e400"]],
  ['"[1,2]"', ['"[1,2]"']],
])("%s", (text, messages) => {
  expect(messagesOf(text)).toEqual(messages);
});

test.each(["{ invalid }", "", "[1,", "\ufeff1"])("refuses %j", (text) => {
  expect(() => messagesOf(text)).toThrow("not JSON");
});

test("refuses what is nested too deeply", () => {
  expect(() => messagesOf("[".repeat(600) + "]".repeat(600))).toThrow("deeper than 512");
});

test("elements mean what they meant in their array, with any white space between", () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 6 }),
      fc.constantFrom(0, 1, "\t", "  \n"),
      (values, space) => {
        const text = JSON.stringify(values, null, space);
        expect(elementsOf(text).map((element) => JSON.parse(element))).toEqual(JSON.parse(text));
      },
    ),
  );
});
