// Prose rots unless something reads it: links, marked examples and the numbers of the protocol's rules.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkedBlocks, compileExamples } from "./docs/examples.mjs";
import { findBrokenLinks } from "./docs/links.mjs";
import { readMarkdown } from "./docs/markdown-page.mjs";
import { compareRuleIds } from "./docs/rule-ids.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const SKIPPED_FOLDERS = new Set(["node_modules", "dist", "coverage", "data"]);
const PROTOCOL_PAGE = "PROTOCOL.md";

function say(text) {
  process.stdout.write(`${text}\n`);
}

function filesBelow(folder, isWanted) {
  return readdirSync(join(root, folder))
    .sort()
    .flatMap((name) => {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (!existsSync(join(root, path))) return [];
      if (!statSync(join(root, path)).isDirectory()) return isWanted(name) ? [path] : [];
      return name.startsWith(".") || SKIPPED_FOLDERS.has(name) ? [] : filesBelow(path, isWanted);
    });
}

function read(path) {
  return { path, text: readFileSync(join(root, path), "utf8") };
}

const texts = filesBelow("", (name) => name.endsWith(".md")).map(read);
const pages = texts.map(({ path, text }) => readMarkdown(text, path));
const blocks = checkedBlocks(pages);
const faults = [...findBrokenLinks(root, pages), ...compileExamples(root, blocks)];
say(
  `${pages.length} pages, ${pages.reduce((sum, page) => sum + page.links.length, 0)} links, ${blocks.length} examples`,
);

const protocol = texts.find(({ path }) => path === PROTOCOL_PAGE);
if (protocol === undefined) {
  faults.push({ path: PROTOCOL_PAGE, line: 1, what: "the page is missing" });
} else {
  // The checks' own tests speak of rules that do not exist.
  const tests = filesBelow("", (name) => /\.test\.tsx?$/.test(name)).filter(
    (path) => !path.startsWith("scripts/"),
  );
  // A case of the conformance suite is a test, whoever runs it.
  const cases = filesBelow("conformance/src/cases", (name) => name.endsWith(".ts"));
  const rules = compareRuleIds(protocol, [...tests, ...cases].map(read), texts);
  faults.push(...rules.faults);
  const testedCount = rules.ids.length - rules.untested.length;
  say(`${rules.ids.length} rules in ${PROTOCOL_PAGE}, ${testedCount} of them named by a test`);
  if (rules.untested.length > 0) say(`rules that no test names: ${rules.untested.join(" ")}`);
}

for (const { path, line, what } of faults) say(`${path}:${line}  ${what}`);
say(`${faults.length} faults`);
if (faults.length > 0) process.exitCode = 1;
