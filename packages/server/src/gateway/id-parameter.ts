import { MAX_ID_CHARS, TachikomaError } from "@tachikoma/protocol";

/** An id in a query. An empty parameter is none. @throws INVALID_MESSAGE when it cannot be an id */
export function idParameter(url: URL, name: string): string | undefined {
  const value = url.searchParams.get(name) ?? "";
  if (value === "") return undefined;
  if (value.length > MAX_ID_CHARS) {
    throw new TachikomaError(
      "INVALID_MESSAGE",
      `${name} has ${value.length} characters, the limit is ${MAX_ID_CHARS}`,
    );
  }
  if (/[\p{C}\s]/u.test(value)) {
    throw new TachikomaError("INVALID_MESSAGE", `${name} contains white space or control characters`);
  }
  return value;
}
