import { expect, test } from "vitest";
import { connectFault } from "./connect-fault.ts";

const withCode = (code: string) => Object.assign(new Error("no"), { code });

test.each<[string, unknown, RegExp]>([
  ["refused", withCode("ECONNREFUSED"), /nothing listens/],
  ["refused at each address of a name", new AggregateError([withCode("ECONNREFUSED")]), /nothing listens/],
  ["unknown host", withCode("ENOTFOUND"), /name of its host/],
  ["no route", withCode("EHOSTUNREACH"), /does not answer/],
  ["too slow", new Error("Connection timeout"), /does not answer/],
  ["no TLS there", withCode("ERR_SSL_WRONG_VERSION_NUMBER"), /does not speak TLS/],
  ["unknown authority", withCode("SELF_SIGNED_CERT_IN_CHAIN"), /not trusted \(SELF_SIGNED_CERT_IN_CHAIN\)/],
  ["other name", withCode("ERR_TLS_CERT_ALTNAME_INVALID"), /not trusted/],
  ["another code", withCode("EWHATEVER"), /EWHATEVER/],
  [
    "no password",
    new Error("NOAUTH HELLO must be called with the client already authenticated"),
    /user or the password/,
  ],
  ["wrong password", new Error("WRONGPASS invalid username-password pair"), /user or the password/],
  [
    "needless password",
    new Error("ERR AUTH <password> called without any password configured"),
    /has no password/,
  ],
  [
    "no rights at all",
    new Error("NOPERM this user has no permissions to run the 'hello' command"),
    /may not even/,
  ],
  ["no such database", new Error("ERR DB index is out of range"), /no database of that number/],
  ["loading", new Error("LOADING Redis is loading the dataset in memory"), /cannot serve yet/],
  ["crowded", new Error("ERR max number of clients reached"), /all the clients/],
  ["cut", new Error("Socket closed unexpectedly"), /ended the connection/],
  ["something else", new Error("ERR whatever"), /ERR whatever/],
  ["something odd", "odd", /odd/],
])("%s", (_, cause, text) => {
  const fault = connectFault(cause, true);
  expect(fault).toMatchObject({ level: "problem", text: expect.stringMatching(text) as string });
  expect(fault.advice).toMatch(/\S/);
});
