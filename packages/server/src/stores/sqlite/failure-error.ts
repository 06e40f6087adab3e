import { TachikomaError } from "@tachikoma/protocol";
import type { Failure } from "./sqlite-call.ts";

/** What a caller on the main side is given for a failure that came from the worker. */
export function errorOf({ code, message, cause }: Failure): TachikomaError {
  return new TachikomaError(code, message, cause === undefined ? undefined : { cause: new Error(cause) });
}
