/**
 * The settings as a flat list and as a tree of names, both read off the schemas. A path is written in snake_case:
 * `websocket.ping_interval_secs`, `channels.chat.history.ttl`, `executions.wc.env.LANG`.
 *
 * `channels` and `executions` hold groups that the operator names; in the list that name is `NAME`.
 */
import { z } from "zod";
import { channelSettings } from "./sections/channels.ts";
import { type Backend, backendSetting, executionSchemas } from "./sections/executions.ts";
import { type SettingMeta, settingMeta } from "./setting.ts";
import { handlerNameFault, namespaceFault, settingsSchema } from "./settings.ts";

export interface SettingField {
  /** Full path, with `NAME` where the operator chooses. */
  readonly path: readonly string[];
  readonly schema: z.ZodType;
  readonly meta: SettingMeta;
  /** Backends that know this setting; absent outside of `executions`. */
  readonly backends?: readonly Backend[];
}

export interface NamedSection {
  readonly name: string;
  readonly nameFault: (name: string) => string | undefined;
}

export const NAME_PLACEHOLDER = "NAME";

export const NAMED_SECTIONS: ReadonlyMap<string, NamedSection> = new Map([
  ["channels", { name: "channels", nameFault: namespaceFault }],
  ["executions", { name: "executions", nameFault: handlerNameFault }],
]);

export const SECTION_NAMES = Object.keys(settingsSchema.shape).map(snakeCase);

export const SETTING_FIELDS: readonly SettingField[] = SECTION_NAMES.flatMap(fieldsOfSection);

function fieldsOfSection(section: string): SettingField[] {
  if (section === "channels") return fieldsOfGroup(channelSettings, [section, NAME_PLACEHOLDER]);
  if (section === "executions") return executionFields([section, NAME_PLACEHOLDER]);
  const schema = settingsSchema.shape[camelCase(section) as keyof typeof settingsSchema.shape];
  return fieldsOfGroup(schema, [section]);
}

function fieldsOfGroup(schema: z.ZodType, path: readonly string[]): SettingField[] {
  const group = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
  if (!(group instanceof z.ZodObject))
    throw new Error(`${path.join(".")} is neither a setting nor a group of settings`);
  return Object.entries(group.shape as Record<string, z.ZodType>).flatMap(([key, child]) => {
    const childPath = [...path, snakeCase(key)];
    const meta = settingMeta(child);
    return meta === undefined ? fieldsOfGroup(child, childPath) : [{ path: childPath, schema: child, meta }];
  });
}

/** One field for each setting of any backend; where backends differ in the default, the first one's. */
function executionFields(path: readonly string[]): SettingField[] {
  const fields: SettingField[] = [];
  for (const [backend, schema] of Object.entries(executionSchemas) as [Backend, z.ZodObject][]) {
    const { backend: _, ...shape } = schema.shape as Record<string, z.ZodType>;
    for (const field of fieldsOfGroup(z.strictObject(shape), path)) {
      const index = fields.findIndex(
        (known) =>
          pathText(known.path) === pathText(field.path) && known.meta.presence === field.meta.presence,
      );
      const known = fields[index];
      if (known === undefined) fields.push({ ...field, backends: [backend] });
      else fields[index] = { ...known, backends: [...known.backends!, backend] };
    }
  }
  return [
    { path: [...path, "backend"], schema: backendSetting, meta: settingMeta(backendSetting)! },
    ...fields,
  ];
}

export function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export function pathText(path: readonly string[]): string {
  return path.map((part) => (/^[\w-]+$/.test(part) ? part : JSON.stringify(part))).join(".");
}

export function environmentName(path: readonly string[]): string {
  return `TACHIKOMA_${path.map((part) => part.toUpperCase()).join("__")}`;
}

/** What a path leads to. */
export type Resolved =
  | { readonly kind: "group" }
  | { readonly kind: "setting"; readonly field: SettingField }
  /** One entry of a table setting. */
  | { readonly kind: "entry"; readonly field: SettingField }
  | { readonly kind: "bad-name"; readonly fault: string }
  /** The part at `depth` is not known there; `candidates` are. */
  | { readonly kind: "unknown"; readonly depth: number; readonly candidates: readonly string[] };

interface TreeNode {
  readonly children: Map<string, TreeNode>;
  field?: SettingField;
}

const TREE = buildTree();

function buildTree(): TreeNode {
  const root: TreeNode = { children: new Map() };
  for (const field of SETTING_FIELDS) {
    let node = root;
    for (const part of field.path) {
      const next: TreeNode = node.children.get(part) ?? { children: new Map() };
      node.children.set(part, next);
      node = next;
    }
    node.field ??= field;
  }
  return root;
}

export function resolvePath(path: readonly string[]): Resolved {
  let node = TREE;
  for (const [depth, part] of path.entries()) {
    if (node.field !== undefined) return resolveBelow(node.field, path, depth);
    const section = depth === 1 ? NAMED_SECTIONS.get(path[0]!) : undefined;
    const next = node.children.get(section === undefined ? part : NAME_PLACEHOLDER);
    if (next === undefined) return { kind: "unknown", depth, candidates: [...node.children.keys()] };
    const fault = section?.nameFault(part);
    if (fault !== undefined) return { kind: "bad-name", fault };
    node = next;
  }
  return node.field === undefined ? { kind: "group" } : { kind: "setting", field: node.field };
}

function resolveBelow(field: SettingField, path: readonly string[], depth: number): Resolved {
  const isEntry = field.meta.kind === "table" && path.length === depth + 1 && path[depth] !== "__proto__";
  return isEntry ? { kind: "entry", field } : { kind: "unknown", depth, candidates: [] };
}

/** Backends that know the setting at this path below `executions.NAME`. */
export function backendsWith(key: string): readonly Backend[] {
  return SETTING_FIELDS.filter((field) => field.path[0] === "executions" && field.path[2] === key).flatMap(
    (field) => field.backends ?? [],
  );
}
