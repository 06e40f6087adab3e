import { formatDurationSecs } from "./duration.ts";
import type { SettingMeta } from "./setting.ts";

/** What a setting accepts, in words that follow "must be". */
export function expectation(meta: SettingMeta): string {
  const unit = meta.unit === undefined ? "" : ` ${meta.unit}`;
  switch (meta.kind) {
    case "boolean":
      return "true or false";
    case "number":
      return `${meta.word === undefined ? "" : `"${meta.word}" or `}${meta.isInteger ? "a whole number" : "a number"} from ${meta.min} to ${meta.max}${unit}`;
    case "duration":
      return `a duration from ${formatDurationSecs(meta.minSecs)} to ${formatDurationSecs(meta.maxSecs)}, such as "24h", "30m", "90s", "7d" or a number of seconds`;
    case "choice":
      return `one of ${meta.choices.map((choice) => JSON.stringify(choice)).join(", ")}`;
    case "text":
      return `a text of 1 to ${meta.maxChars} characters${meta.form === undefined ? "" : ` (${meta.form.replaceAll("`", "")})`}`;
    case "list":
      return `a list of at most ${meta.maxItems} texts (${meta.itemForm.replaceAll("`", "")})`;
    case "table":
      return `a table of at most ${meta.maxEntries} names with a text each`;
  }
}
