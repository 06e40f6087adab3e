import { MAX_CANCEL_AFTER_SECS, type OnUnwatched, TachikomaError } from "@tachikoma/protocol";

/** `keep`, `cancel`, or for how many seconds an execution may go unwatched. @throws INVALID_MESSAGE */
export function unwatchedParameter(url: URL): OnUnwatched | undefined {
  const text = url.searchParams.get("on_unwatched") ?? "";
  if (text === "") return undefined;
  if (text === "keep" || text === "cancel") return text;
  const seconds = Number(text);
  if (seconds > 0 && seconds <= MAX_CANCEL_AFTER_SECS) return { cancelAfter: seconds };
  throw new TachikomaError(
    "INVALID_MESSAGE",
    `on_unwatched is ${JSON.stringify(text.slice(0, 20))}; it must be keep, cancel or 1 to ${MAX_CANCEL_AFTER_SECS} seconds`,
  );
}
