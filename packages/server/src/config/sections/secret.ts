/** The ways to give a secret besides itself. One of them at most; `secret-setting.ts` follows them. */
import { optional, text } from "../setting.ts";

/** @param secret as a word of a sentence; @param setting the one that it stands in for */
export function variableWith(secret: string, setting: string) {
  return optional(
    text({
      maxChars: 255,
      form: "name of an environment variable",
      fault: (name) =>
        /^[A-Za-z_]\w*$/.test(name) ? undefined : "must be the name of an environment variable",
      description: `Environment variable that holds the ${secret}, instead of \`${setting}\`.`,
    }),
  );
}

/** @param secret as a word of a sentence; @param setting the one that it stands in for */
export function fileWith(secret: string, setting: string) {
  return optional(
    text({
      form: "path",
      description: `File that holds the ${secret}, instead of \`${setting}\`. White space around the ${secret} is ignored.`,
    }),
  );
}
