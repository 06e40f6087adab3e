import type { Source } from "./problem.ts";
import { environmentName, pathText, SETTING_FIELDS } from "./setting-fields.ts";

/** Says what was probably meant, in the spelling of the source that was used. */
export function unknownKeyHint(
  path: readonly string[],
  corrected: readonly string[] | undefined,
  source: Source,
): { readonly hint: string } | undefined {
  const meant = corrected ?? sameKeyElsewhere(path);
  if (meant === undefined) return undefined;
  return {
    hint: `did you mean ${source.kind === "environment" ? environmentName(meant) : pathText(meant)}?`,
  };
}

/** `port` at the top of a file is most likely `server.port`. */
function sameKeyElsewhere(path: readonly string[]): readonly string[] | undefined {
  const found = SETTING_FIELDS.filter((field) => field.path.at(-1) === path.at(-1));
  return found.length === 1 ? found[0]!.path : undefined;
}
