import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { z } from "zod";
import { PROTOCOL_VERSION, SCHEMA_HASHES } from "../version.ts";
import { clientMessage } from "./client-messages.ts";
import { serverMessage } from "./server-messages.ts";

/** JSON with sorted keys: the order in which a schema was written down is no change of the wire. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function schemaHash(): string {
  const schemas = [clientMessage, serverMessage].map((schema) =>
    z.toJSONSchema(schema, { unrepresentable: "any" }),
  );
  return createHash("sha256").update(canonicalJson(schemas)).digest("hex");
}

test("the wire schema is the one of this protocol version", () => {
  const hash = schemaHash();
  expect(
    hash,
    `The schema of the messages has changed. If that is meant: bump PROTOCOL_VERSION in version.ts, add its hash ${hash} to SCHEMA_HASHES, and say in the version history of PROTOCOL.md what is new`,
  ).toBe(SCHEMA_HASHES[PROTOCOL_VERSION]);
});

test("every version has its own hash", () => {
  const versions = Object.keys(SCHEMA_HASHES).map(Number);
  expect(versions).toEqual(Array.from({ length: PROTOCOL_VERSION }, (_, at) => at + 1));
  expect(new Set(Object.values(SCHEMA_HASHES)).size).toBe(versions.length);
});
