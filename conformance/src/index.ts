/** The suite as a library, for those who run it from a test of their own. */
export type { Case } from "./case.ts";
export { ALL_CASES } from "./cases/index.ts";
export type { ServerHooks } from "./hooks.ts";
export { type Profile, ProfileError, parseProfile, readProfile } from "./profile.ts";
export { jsonReport } from "./report/json-report.ts";
export { type Provisions, REQUIREMENTS, type RequirementName } from "./requirements.ts";
export { type CaseResult, type CaseStatus, type RunOptions, runCases } from "./run.ts";
export { selectCases } from "./select-cases.ts";
export type { Target } from "./target.ts";
