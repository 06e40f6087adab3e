import { expect, test } from "vitest";
import { type Credential, identityFor } from "./credential.ts";

const fresh = () => "made-up";

test.each<[string, Credential, string | undefined, string | undefined, string]>([
  ["a trusted holder names any client", {}, "phone", undefined, "phone"],
  ["a trusted holder comes back with the session alone", {}, undefined, "phone", "phone"],
  ["a trusted holder without a name gets one", {}, undefined, undefined, "made-up"],
  ["a subject is its own client", { subject: "alice" }, undefined, undefined, "alice"],
  ["a subject owns the ids below its name", { subject: "alice" }, "alice:phone", undefined, "alice:phone"],
  ["a subject comes back to its own session", { subject: "alice" }, undefined, "alice:tab", "alice:tab"],
  ["another's session does not lend its client id", { subject: "alice" }, undefined, "bob", "alice"],
  ["the credential's client id wins", { subject: "alice", clientId: "a-1" }, undefined, "a-2", "a-1"],
])("%s", (_, credential, requested, ofSession, expected) => {
  expect(identityFor(credential, requested, ofSession, fresh).clientId).toBe(expected);
});

test.each<[string, Credential, string]>([
  ["another subject", { subject: "alice" }, "bob"],
  ["a name that only begins alike", { subject: "alice" }, "alicette"],
  ["a tenant of the server's own", { tenant: "~", subject: "alice" }, "alice"],
  ["beside a fixed client id", { subject: "alice", clientId: "a-1" }, "alice:phone"],
])("refused: %s", (_, credential, requested) => {
  expect(() => identityFor(credential, requested, undefined, fresh)).toThrow(
    expect.objectContaining({ code: "FORBIDDEN" }),
  );
});
