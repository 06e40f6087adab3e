/** Reading the body of a request by its schema. What is wrong is told with the place where it is. */
import { TachikomaError } from "@tachikoma/protocol";
import { z } from "zod";
import { readJsonBody } from "../../gateway/http/json-body.ts";
import type { RouteRequest } from "../../gateway/http/route.ts";

/** A parameter of the request is not as it must be. */
export class InvalidParameter extends TachikomaError {
  /** As in `messages[0].role`; `undefined` for the body as a whole. */
  readonly parameter: string | undefined;

  constructor(parameter: string | undefined, message: string) {
    super("INVALID_MESSAGE", message);
    this.parameter = parameter;
  }
}

/** @throws INVALID_MESSAGE, MESSAGE_TOO_LARGE */
export async function readBody<Schema extends z.ZodType>(
  request: RouteRequest,
  schema: Schema,
): Promise<z.output<Schema>> {
  const body = await readJsonBody(request.incoming, request.maxBodyBytes);
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const parameter = issue.path.length === 0 ? undefined : pathText(issue.path);
  throw new InvalidParameter(parameter, `${parameter ?? "The body"}: ${issue.message}`);
}

/** Absent, `null`, or as the schema says: clients send `null` for what they leave out. */
export function maybe<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** A list that is not larger than backends take; its limit is told with its length. */
export function listOf<Schema extends z.ZodType>(item: Schema, maxLength = MAX_LIST_LENGTH) {
  return z.array(item).max(maxLength, {
    error: ({ input }) =>
      `has ${(input as readonly unknown[]).length} items; at most ${maxLength} are allowed`,
  });
}

/** Text, or what the schema says. Unlike a union it tells what is wrong in the place where it is. */
export function textOr<Schema extends z.ZodType>(schema: Schema) {
  return z
    .unknown()
    .optional()
    .transform((value, context): string | z.output<Schema> => {
      return typeof value === "string" ? value : within(schema, value, context);
    });
}

/** What the schema makes of a part of a value that is being read. */
export function within<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  context: z.RefinementCtx,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) {
    context.addIssue({ code: "custom", path: [...path], message });
  }
  return z.NEVER;
}

const MAX_LIST_LENGTH = 10_000;
const MAX_PATH_CHARS = 200;

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return text.replace(/^\./, "").slice(0, MAX_PATH_CHARS);
}
