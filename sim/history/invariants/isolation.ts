import type { CheckOptions } from "../check-options.ts";
import { type History, tenantOf, viewKey } from "../history.ts";
import type { RecordOf } from "../history-record.ts";
import type { Violation } from "../violation.ts";

/** C7: a session gets nothing of another tenant, and nothing of a stream while it may not read it, live or replayed. */
export function checkIsolation(history: History, options: CheckOptions): Violation[] {
  const tenants = new Map<string, RecordOf<"conn">>();
  const permissions = initialPermissions(history);
  const violations: Violation[] = [];
  for (const record of history.records) {
    if (record.kind === "conn") tenants.set(record.session, record);
    if (record.kind === "grant" || record.kind === "revoke") permissions.set(permissionKey(record), record);
    if (record.kind !== "apply" && record.kind !== "wire") continue;
    const conn = tenants.get(record.session);
    if (conn !== undefined && conn.tenant !== tenantOf(record.stream)) {
      const text = `${record.session} of tenant ${conn.tenant} got ${record.stream}`;
      violations.push({ invariant: "C7", text, records: [conn, record] });
    }
    if (permissions.size === 0) continue;
    const permission = permissions.get(permissionKey(record));
    if (permission === undefined || permission === "open" || isAllowed(permission, record.timeMs, options))
      continue;
    const text = `${record.session} got ${record.stream} ${record.seq} without a grant`;
    violations.push({
      invariant: "C7",
      text,
      records: permission === "closed" ? [record] : [permission, record],
    });
  }
  return violations;
}

type Permission = "open" | "closed" | RecordOf<"grant"> | RecordOf<"revoke">;

/** Before the first change: closed where it is a grant, open where it is a revoke. */
function initialPermissions(history: History): Map<string, Permission> {
  const permissions = new Map<string, Permission>();
  for (const record of history.doorEvents) {
    if (record.kind !== "grant" && record.kind !== "revoke") continue;
    const key = permissionKey(record);
    if (!permissions.has(key)) permissions.set(key, record.kind === "grant" ? "closed" : "open");
  }
  return permissions;
}

function isAllowed(permission: Exclude<Permission, "open">, timeMs: number, options: CheckOptions): boolean {
  if (permission === "closed") return false;
  return permission.kind === "grant" || timeMs <= permission.timeMs + options.revokeGraceMs;
}

function permissionKey(record: { readonly session: string; readonly stream: string }): string {
  return viewKey(record.session, record.stream);
}
