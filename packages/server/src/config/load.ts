/**
 * From flags, environment and file to settings: what counts more comes later and replaces, setting by setting.
 *
 *   defaults < tachikoma.toml < TACHIKOMA_* < flags
 *
 * Every value is checked where it stands, also one that is replaced later, and all problems are reported together.
 */
import { type Accepted, keepOneApiKey, lookUpApiKey } from "./api-key.ts";
import type { Assignment, Collected } from "./assignment.ts";
import { consistencyProblems, settingsWarnings } from "./consistency.ts";
import { chooseConfigFile, collectConfigFile, type ReadFile } from "./document.ts";
import { collectEnvironment, type Environment } from "./environment.ts";
import { collectFlags, type SettingFlag } from "./flag.ts";
import type { Problem, Source } from "./problem.ts";
import { redactText } from "./redact.ts";
import { pathText } from "./setting-fields.ts";
import type { Settings } from "./settings.ts";
import { buildSettings } from "./settings-build.ts";
import { foreignKeyProblem, showValue, valueProblem } from "./value-check.ts";

export interface LoadRequest {
  readonly flags?: readonly SettingFlag[];
  /** Path given with `--config`. */
  readonly configPath?: string;
  readonly env: Environment;
  readonly readFile: ReadFile;
}

export interface LoadedSettings {
  readonly kind: "loaded";
  readonly settings: Settings;
  /** Where each setting that is not a default comes from, by dotted key in snake_case. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly warnings: readonly Problem[];
  /** The configuration file that was read. */
  readonly configPath?: string;
}

export interface RefusedSettings {
  readonly kind: "refused";
  readonly problems: readonly Problem[];
}

export function loadSettings(request: LoadRequest): LoadedSettings | RefusedSettings {
  const collected: Collected = { assignments: [], problems: [] };
  const file = chooseConfigFile(request.configPath, request.env);
  const hasFile = collectConfigFile(file, request.readFile, collected);
  const fileAssignments = [...collected.assignments];
  collectEnvironment(request.env, (section) => namesIn(section, fileAssignments), collected);
  collectFlags(request.flags ?? [], collected);

  const { problems } = collected;
  const secrets = secretTexts(collected.assignments, request.env);
  const accepted = acceptValues(collected.assignments, secrets, problems);
  const loaded = finish(accepted, request, problems, secrets);
  if (loaded === undefined || problems.length > 0) {
    return { kind: "refused", problems: problems.map((problem) => withoutSecrets(problem, secrets)) };
  }
  return { kind: "loaded", ...loaded, ...(hasFile ? { configPath: file.path } : {}) };
}

function namesIn(section: string, assignments: readonly Assignment[]): readonly string[] {
  return [
    ...new Set(
      assignments.flatMap(({ path }) => (path[0] === section && path[1] !== undefined ? [path[1]] : [])),
    ),
  ];
}

/** The valid value of each setting from the source that counts most. */
function acceptValues(
  assignments: readonly Assignment[],
  secrets: readonly string[],
  problems: Problem[],
): Accepted {
  const accepted: Accepted = new Map();
  for (const assignment of assignments) {
    const problem = valueProblem(assignment, secrets);
    if (problem === undefined) accepted.set(pathText(assignment.path), assignment);
    else problems.push(problem);
  }
  return accepted;
}

function finish(
  accepted: Accepted,
  request: LoadRequest,
  problems: Problem[],
  secrets: string[],
): Omit<LoadedSettings, "kind" | "configPath"> | undefined {
  const handlers = namesIn("executions", [...accepted.values()]);
  const keyGroups = [["security"], ...handlers.map((name) => ["executions", name])];
  for (const group of keyGroups) {
    const problem = keepOneApiKey(accepted, group);
    if (problem !== undefined) problems.push(problem);
  }
  problems.push(...backendProblems(accepted));
  deriveDatabaseUrl(accepted);
  const sources = new Map<string, Source>();
  const settings = buildSettings(accepted, sources, problems);
  if (settings === undefined) return undefined;
  const warnings = resolveApiKeys(settings, accepted, request, problems, secrets);
  problems.push(...consistencyProblems(settings, sources));
  return { settings, sources, warnings: [...warnings, ...settingsWarnings(settings, sources)] };
}

/** `--data-dir` alone moves the database too. */
function deriveDatabaseUrl(accepted: Accepted): void {
  const dataDir = accepted.get("server.data_dir");
  if (dataDir === undefined || accepted.has("database.url")) return;
  const folder = String(dataDir.value).replace(/\/+$/, "");
  accepted.set("database.url", {
    ...dataDir,
    path: ["database", "url"],
    value: `sqlite://${folder}/tachikoma.db`,
  });
}

function backendProblems(accepted: Accepted): Problem[] {
  return [...accepted.values()].flatMap((assignment) => {
    const backend = accepted.get(pathText(["executions", assignment.path[1] ?? "", "backend"]));
    return (backend === undefined ? undefined : foreignKeyProblem(assignment, String(backend.value))) ?? [];
  });
}

/** A missing key for the server itself is an error: it must never end up open. A missing one for a model is a warning. */
function resolveApiKeys(
  settings: Settings,
  accepted: Accepted,
  { env, readFile }: LoadRequest,
  problems: Problem[],
  secrets: string[],
): Problem[] {
  const warnings: Problem[] = [];
  const place = (group: readonly string[], target: object, faults: Problem[]) => {
    const lookup = lookUpApiKey(accepted, group, env, readFile);
    if (lookup.kind === "found") {
      Object.assign(target, { apiKey: lookup.apiKey });
      secrets.push(lookup.apiKey);
    } else if (lookup.kind === "missing") {
      const { reference, message } = lookup;
      const shownValue = showValue(reference.value, reference.meta);
      faults.push({ source: reference.source, key: pathText(reference.path), shownValue, message });
    }
  };
  place(["security"], settings.security, problems);
  for (const [name, execution] of Object.entries(settings.executions)) {
    place(["executions", name], execution, warnings);
  }
  return warnings;
}

function secretTexts(assignments: readonly Assignment[], env: Environment): string[] {
  return assignments.flatMap(({ path, meta, value }) => {
    if (typeof value !== "string") return [];
    return (path.at(-1) === "api_key_env" ? env[value] : meta.isSecret ? value : undefined) ?? [];
  });
}

function withoutSecrets(problem: Problem, secrets: readonly string[]): Problem {
  return {
    ...problem,
    message: redactText(problem.message, secrets),
    ...(problem.key === undefined ? {} : { key: redactText(problem.key, secrets) }),
    ...(problem.shownValue === undefined ? {} : { shownValue: redactText(problem.shownValue, secrets) }),
    ...(problem.hint === undefined ? {} : { hint: redactText(problem.hint, secrets) }),
  };
}
