/** Settings that are fine one by one and wrong together. */
import { isLoopbackHost } from "./address.ts";
import { databaseTarget } from "./database-target.ts";
import type { Problem, Source } from "./problem.ts";
import type { Settings } from "./settings.ts";

type Sources = ReadonlyMap<string, Source>;

const MIN_SAFE_API_KEY_CHARS = 16;

export function consistencyProblems(settings: Settings, sources: Sources): Problem[] {
  return [...openServerProblems(settings, sources), ...databaseProblems(settings, sources)];
}

function databaseProblems({ database }: Settings, sources: Sources): Problem[] {
  const target = databaseTarget(database);
  if (target.kind !== "fault") return [];
  const key = `database.${target.key}`;
  return [{ source: sourceOf(sources, key), key, message: target.message }];
}

function openServerProblems(settings: Settings, sources: Sources): Problem[] {
  const { server, security } = settings;
  // A key that is named and cannot be found is reported as that.
  const hasKey = (security.apiKey ?? security.apiKeyEnv ?? security.apiKeyFile) !== undefined;
  const isOpen = !hasKey && !server.allowUnauthenticatedRemote;
  if (!isOpen || isLoopbackHost(server.host)) return [];
  return [
    {
      source: sourceOf(sources, "server.host"),
      key: "server.host",
      shownValue: JSON.stringify(server.host),
      message: "other machines could connect without authentication",
      hint: "set security.api_key (`tachikoma token` makes one), or server.allow_unauthenticated_remote = true if that is what you want",
    },
  ];
}

export function settingsWarnings(settings: Settings, sources: Sources): Problem[] {
  const warnings: Problem[] = [];
  const { server, security } = settings;
  if (security.apiKey === undefined && !isLoopbackHost(server.host)) {
    warnings.push({
      source: sourceOf(sources, "server.allow_unauthenticated_remote"),
      key: "server.allow_unauthenticated_remote",
      message: `everyone who reaches ${server.host} may do everything`,
    });
  }
  if (security.apiKey !== undefined && security.apiKey.length < MIN_SAFE_API_KEY_CHARS) {
    warnings.push({
      source: sourceOf(sources, "security.api_key"),
      key: "security.api_key",
      message: `is shorter than ${MIN_SAFE_API_KEY_CHARS} characters and may be guessed`,
      hint: "`tachikoma token` makes a good one",
    });
  }
  return warnings;
}

function sourceOf(sources: Sources, key: string): Source {
  return sources.get(key) ?? { kind: "default" };
}
