/**
 * From flags, environment and file to settings: what counts more comes later and replaces, setting by setting.
 *
 *   defaults < tachikoma.toml < TACHIKOMA_* < flags
 *
 * Every value is checked where it stands, also one that is replaced later, and all problems are reported together.
 */
import type { Assignment, Collected } from "./assignment.ts";
import { consistencyProblems, settingsWarnings } from "./consistency.ts";
import { durabilityInForce } from "./database-target.ts";
import { databaseSecretTexts } from "./database-url.ts";
import { chooseConfigFile, collectConfigFile, type ReadFile } from "./document.ts";
import { collectEnvironment, type Environment } from "./environment.ts";
import { collectFlags, type SettingFlag } from "./flag.ts";
import type { Problem, Source } from "./problem.ts";
import { redactText } from "./redact.ts";
import { type Accepted, keepOneSecret, lookUpSecret, type SecretPlace } from "./secret-setting.ts";
import { camelCase, pathText } from "./setting-fields.ts";
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
  const places: SecretPlace[] = [
    { group: ["security"], name: "api_key" },
    { group: ["database"], name: "password" },
    ...handlers.map((handler) => ({ group: ["executions", handler], name: "api_key" as const })),
  ];
  for (const place of places) {
    const problem = keepOneSecret(accepted, place);
    if (problem !== undefined) problems.push(problem);
  }
  problems.push(...backendProblems(accepted));
  deriveDatabaseUrl(accepted);
  const sources = new Map<string, Source>();
  const settings = buildSettings(accepted, sources, problems);
  if (settings === undefined) return undefined;
  const warnings = resolveSecrets(settings, accepted, request, problems, secrets);
  problems.push(...consistencyProblems(settings, sources));
  Object.assign(settings.database, durabilityInForce(settings.database));
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

/**
 * A secret of the server itself that is missing is an error: it must never end up open. A missing one for a model is a
 * warning.
 */
function resolveSecrets(
  settings: Settings,
  accepted: Accepted,
  { env, readFile }: LoadRequest,
  problems: Problem[],
  secrets: string[],
): Problem[] {
  const warnings: Problem[] = [];
  const place = (secretPlace: SecretPlace, target: object, faults: Problem[]) => {
    const lookup = lookUpSecret(accepted, secretPlace, env, readFile);
    if (lookup.kind === "found") {
      Object.assign(target, { [camelCase(secretPlace.name)]: lookup.secret });
      secrets.push(lookup.secret);
    } else if (lookup.kind === "missing") {
      const { reference, message } = lookup;
      const shownValue = showValue(reference.value, reference.meta);
      faults.push({ source: reference.source, key: pathText(reference.path), shownValue, message });
    }
  };
  place({ group: ["security"], name: "api_key" }, settings.security, problems);
  place({ group: ["database"], name: "password" }, settings.database, problems);
  for (const [name, execution] of Object.entries(settings.executions)) {
    place({ group: ["executions", name], name: "api_key" }, execution, warnings);
  }
  return warnings;
}

function secretTexts(assignments: readonly Assignment[], env: Environment): string[] {
  return assignments.flatMap(({ path, meta, value }) => {
    if (typeof value !== "string") return [];
    if (pathText(path) === "database.url") return databaseSecretTexts(value);
    const isReference = path.at(-1) === "api_key_env" || path.at(-1) === "password_env";
    return (isReference ? env[value] : meta.isSecret ? value : undefined) ?? [];
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
