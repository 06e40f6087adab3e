import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { append, bodiesOf } from "../contract/contract-fixture.ts";
import { describeWithRedis } from "./testing/describe-with-redis.ts";
import { findProgram, freePort, RedisServer } from "./testing/redis-server.ts";
import { redisTestBed } from "./testing/redis-test-bed.ts";

const isRequired = (process.env["TACHIKOMA_TEST_REQUIRE"] ?? "").split(",").includes("openssl");
/** Where it is required, not finding it fails the tests. */
const hasOpenssl = isRequired || findProgram("openssl") !== undefined;
if (!hasOpenssl)
  process.stderr.write("Skipped: redis over TLS: openssl, which makes the certificate, is not installed\n");

describeWithRedis("a redis store over TLS", () => {
  if (!hasOpenssl) return void test.skip("needs openssl", () => {});
  const bed = redisTestBed();
  let folder: string;
  let server: RedisServer;
  let tlsPort: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tachikoma-tls-"));
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const made = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
    ];
    execFileSync("openssl", [...made, "-keyout", key, "-out", certificate, ...subject], { stdio: "ignore" });
    tlsPort = await freePort();
    const tls = {
      "tls-port": String(tlsPort),
      "tls-cert-file": certificate,
      "tls-key-file": key,
      "tls-auth-clients": "no",
    };
    server = await RedisServer.start({ directives: { ...tls, "tls-ca-cert-file": certificate } });
  });
  afterAll(async () => {
    await server.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  test("refuses a certificate that nobody vouches for", async () => {
    await expect(bed.open(`rediss://localhost:${tlsPort}`)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("self-signed certificate"),
    });
  });

  test("does not fall back to plain text, and is not taken for it", async () => {
    for (const url of [`rediss://localhost:${server.port}`, `redis://localhost:${tlsPort}`]) {
      await expect(bed.open(url, { connectTimeoutMs: 300 })).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
        message: expect.stringContaining(`Redis at ${url} does not answer`),
      });
    }
  });

  describe("with an authority that is known", () => {
    const before = getCACertificates("default");
    beforeAll(() => setDefaultCACertificates([...before, readFileSync(join(folder, "cert.pem"), "utf8")]));
    afterAll(() => setDefaultCACertificates(before));

    test("works like any other, hints included", async () => {
      const { store } = await bed.open(`rediss://localhost:${tlsPort}`);
      const { store: other, events } = await bed.open(`rediss://localhost:${tlsPort}`);
      await other.follow({ tenant: "acme", channel: "chat:1" });
      await append(store, ["1"]);
      await events.until("head", () => events.heads.length > 0);
      expect(await bodiesOf(other)).toEqual(["1"]);
    });

    test("refuses a certificate for another name", async () => {
      await expect(bed.open(`rediss://127.0.0.1:${tlsPort}`)).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
        message: expect.stringContaining("does not match certificate"),
      });
    });
  });
});
