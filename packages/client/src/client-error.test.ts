import { ERRORS, type ErrorEntry } from "@tachikoma/protocol";
import { expect, test } from "vitest";
import { ClientError, errorFromWire, PASSING_CODES } from "./client-error.ts";

test("the passing codes are those of the catalogue", () => {
  const entries: [string, ErrorEntry][] = Object.entries(ERRORS);
  const passing = entries.filter(([, { retry, httpStatus = 0 }]) => retry === "resume" && httpStatus >= 500);
  expect(passing.map(([code]) => code).sort()).toEqual([...PASSING_CODES].sort());
});

test("a code that only a newer server knows is passed on", () => {
  const error = errorFromWire({ code: "FROM_THE_FUTURE", message: "Later" });
  expect(error).toBeInstanceOf(ClientError);
  expect(error).toMatchObject({ code: "FROM_THE_FUTURE", message: "Later" });
  expect(errorFromWire(undefined).code).toBe("INTERNAL");
});
