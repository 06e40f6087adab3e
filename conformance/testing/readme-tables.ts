/** The tables of README.md that say what the code says. */
import { REQUIREMENTS } from "../src/index.ts";
import { UNOBSERVED } from "../src/unobserved.ts";

export type TableName = "requirements" | "unobserved";

export const TABLES: Readonly<Record<TableName, string>> = {
  requirements: table(
    ["Requirement", "Value", "What it says of the server"],
    Object.entries(REQUIREMENTS).map(([name, { value, text }]) => [`\`${name}\``, value, text]),
  ),
  unobserved: table(
    ["Rule", "Why there is no case"],
    Object.entries(UNOBSERVED).map(([rule, reason]) => [rule, reason]),
  ),
};

/** The page with its tables as they should be. */
export function withTables(page: string): string {
  return (Object.keys(TABLES) as TableName[]).reduce((text, name) => {
    const marked = new RegExp(`(<!-- ${name}:begin -->\n)[^]*(<!-- ${name}:end -->)`);
    return text.replace(marked, (_all, begin: string, end: string) => `${begin}${TABLES[name]}${end}`);
  }, page);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`);
  return lines.join("");
}
