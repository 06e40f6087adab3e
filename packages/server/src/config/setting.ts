/**
 * One setting: a zod schema that checks its value, and the same facts as data. Validation, error texts, environment
 * variables, `tachikoma config` and docs/configuration.md all derive from the two, so there is no second list to keep.
 *
 *   pingIntervalSecs: withDefault(30, seconds({ min: 0.01, max: 3600, description: "..." }))
 *
 * A setting is `withDefault`, `optional`, or (bare) required.
 */
import { z } from "zod";
import { parseDurationSecs } from "./duration.ts";

export type SettingKind =
  | { readonly kind: "boolean" }
  | {
      readonly kind: "number";
      readonly min: number;
      readonly max: number;
      readonly isInteger: boolean;
      /** What may stand in place of a number. */
      readonly word?: string;
    }
  | { readonly kind: "duration"; readonly minSecs: number; readonly maxSecs: number }
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  | { readonly kind: "text"; readonly maxChars: number; readonly form?: string }
  | { readonly kind: "list"; readonly maxItems: number; readonly itemForm: string }
  | { readonly kind: "table"; readonly maxEntries: number };

export type SettingMeta = SettingKind & {
  readonly description: string;
  readonly unit?: string;
  readonly isSecret?: boolean;
  readonly presence: "required" | "optional" | "default";
  readonly defaultValue?: unknown;
};

interface Described {
  readonly description: string;
}

const metaOfSchema = z.registry<SettingMeta>();

/** The facts of a setting; `undefined` for a schema that is a group of settings. */
export function settingMeta(schema: z.ZodType): SettingMeta | undefined {
  return metaOfSchema.get(schema);
}

function declare<Schema extends z.ZodType>(schema: Schema, meta: SettingMeta): Schema {
  metaOfSchema.add(schema, meta);
  return schema;
}

function requiredMeta(schema: z.ZodType): SettingMeta {
  const meta = metaOfSchema.get(schema);
  if (meta === undefined) throw new Error("Only a setting can be optional or have a default");
  return meta;
}

export function withDefault<Schema extends z.ZodType>(
  defaultValue: z.util.NoUndefined<z.output<Schema>>,
  schema: Schema,
): z.ZodDefault<Schema> {
  return declare(schema.default(defaultValue), {
    ...requiredMeta(schema),
    presence: "default",
    defaultValue,
  });
}

export function optional<Schema extends z.ZodType>(schema: Schema): z.ZodOptional<Schema> {
  return declare(schema.optional(), { ...requiredMeta(schema), presence: "optional" });
}

export function boolean(spec: Described): z.ZodBoolean {
  return declare(z.boolean(), { kind: "boolean", presence: "required", ...spec });
}

interface NumberSpec extends Described {
  readonly min: number;
  readonly max: number;
  readonly unit?: string;
}

export function integer(spec: NumberSpec): z.ZodNumber {
  const schema = z.number().int().min(spec.min).max(spec.max);
  return declare(schema, { kind: "number", isInteger: true, presence: "required", ...spec });
}

/** A whole number, or a word that leaves it to the server. */
export function integerOr<const Word extends string>(word: Word, spec: NumberSpec) {
  const schema = z.union([z.literal(word), z.number().int().min(spec.min).max(spec.max)]);
  return declare(schema, { kind: "number", isInteger: true, word, presence: "required", ...spec });
}

export function decimal(spec: NumberSpec): z.ZodNumber {
  const schema = z.number().min(spec.min).max(spec.max);
  return declare(schema, { kind: "number", isInteger: false, presence: "required", ...spec });
}

/** A length of time as a plain number of seconds, fractions included. */
export function seconds(spec: Omit<NumberSpec, "unit">): z.ZodNumber {
  return decimal({ ...spec, unit: "seconds" });
}

interface DurationSpec extends Described {
  readonly minSecs: number;
  readonly maxSecs: number;
}

/** A length of time that may also be written as `24h`, `30m`, `90s` or `7d`; its value is in seconds. */
export function duration(spec: DurationSpec) {
  const schema = z.union([z.number(), z.string()]).transform((input, context) => {
    const secs = typeof input === "number" ? input : parseDurationSecs(input);
    if (secs !== undefined && secs >= spec.minSecs && secs <= spec.maxSecs) return secs;
    context.addIssue({ code: "invalid_type", expected: "number", input });
    return z.NEVER;
  });
  return declare(schema, { kind: "duration", presence: "required", ...spec });
}

export function choice<const Choice extends string>(
  spec: Described & { readonly choices: readonly [Choice, ...Choice[]] },
) {
  return declare(z.enum(spec.choices), { kind: "choice", presence: "required", ...spec });
}

interface TextSpec extends Described {
  readonly maxChars?: number;
  /** How the value looks, for people: `http(s) URL`. */
  readonly form?: string;
  readonly isSecret?: boolean;
  /** What is wrong with a text, as a sentence without the value; `undefined` when nothing is. */
  readonly fault?: (text: string) => string | undefined;
}

export function text(spec: TextSpec): z.ZodString {
  const { fault, maxChars = 4096, ...facts } = spec;
  const schema = z.string().min(1).max(maxChars);
  const checked = fault === undefined ? schema : schema.check(faultCheck(fault));
  return declare(checked, { kind: "text", maxChars, presence: "required", ...facts });
}

function faultCheck(fault: (text: string) => string | undefined) {
  return z.superRefine<string>((value, context) => {
    const message = fault(value);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}

interface ListSpec extends Described {
  readonly maxItems: number;
  readonly itemForm: string;
  readonly minItems?: number;
  readonly fault?: (item: string) => string | undefined;
}

export function list(spec: ListSpec): z.ZodArray<z.ZodString> {
  const { fault, minItems = 0, ...facts } = spec;
  const item = fault === undefined ? z.string() : z.string().check(faultCheck(fault));
  const schema = z.array(item).min(minItems).max(spec.maxItems);
  return declare(schema, { kind: "list", presence: "required", ...facts });
}

/** Names of the operator's own with a text each. */
export function table(spec: Described & { readonly maxEntries: number; readonly isSecret?: boolean }) {
  const schema = z.record(z.string(), z.string()).superRefine((entries, context) => {
    if (Object.keys(entries).length > spec.maxEntries) {
      context.addIssue({ code: "custom", message: `must have at most ${spec.maxEntries} entries` });
    }
  });
  return declare(schema, { kind: "table", presence: "required", ...spec });
}
