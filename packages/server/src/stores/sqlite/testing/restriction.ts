/** Ways to take from a process what its user could do, so that a test sees the same whoever runs it. */
import { spawnSync } from "node:child_process";
import { describe } from "vitest";

export type Restriction =
  | { readonly kind: "available"; readonly command: readonly string[] }
  | { readonly kind: "unavailable"; readonly reason: string };

const isSuperuser = process.getuid?.() === 0;

/** Runs a command for which permissions of files hold: the superuser loses what sets it above them. */
export function withoutPrivileges(): Restriction {
  if (!isSuperuser) return { kind: "available", command: [] };
  return firstThatWorks([["setpriv", "--bounding-set=-all", "--inh-caps=-all"]], ["true"]);
}

/** Runs a shell that may mount file systems; nobody else sees them, and they end with it. */
export function withOwnMounts(): Restriction {
  const ways = [
    ["unshare", "--mount"],
    ["unshare", "--map-root-user", "--mount"],
  ];
  return firstThatWorks(ways, ["sh", "-c", "mount -t tmpfs tmpfs /tmp"]);
}

/** A program that restricts others. */
export function withTool(name: string): Restriction {
  return firstThatWorks([[name]], ["--version"]);
}

/** Describes what happens under a restriction, or prints why it cannot be had here. */
export function describeWhere(
  name: string,
  restriction: Restriction,
  suite: (command: readonly string[]) => void,
): void {
  if (restriction.kind === "available") {
    describe(name, () => suite(restriction.command));
    return;
  }
  process.stderr.write(`Not tried: ${name} (${restriction.reason})\n`);
  describe.skip(name, () => suite([]));
}

function firstThatWorks(ways: readonly (readonly string[])[], probe: readonly string[]): Restriction {
  const reasons: string[] = [];
  for (const command of ways) {
    const [file, ...args] = [...command, ...probe];
    const { status, stderr, error } = spawnSync(file!, args, { encoding: "utf8", timeout: 5_000 });
    if (status === 0) return { kind: "available", command };
    reasons.push(`${command.join(" ")}: ${error?.message ?? stderr.trim()}`);
  }
  return { kind: "unavailable", reason: reasons.join("; ") };
}
