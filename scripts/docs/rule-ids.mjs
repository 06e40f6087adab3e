// PROTOCOL.md numbers its rules (`RES-4`); the names of tests carry the numbers of the rules they prove.

const RULE_ID = /\b([A-Z]{2,3})-(\d+)\b/g;
/** A rule is defined where its id is the first thing on a line, behind whatever makes it bold, a row or an item. */
const RULE_DEFINITION = /^[\s|>*#-]*(?:\d+\.\s+)?[*_`[]*(?:<a[^>]*><\/a>)?[*_`[]*([A-Z]{2,3}-\d+)\b/;

/** Compares the rules of the protocol text with the test files and the other pages, given as `{path, text}`. */
export function compareRuleIds(protocol, testFiles, pages) {
  const { ids, faults } = readDefinitions(protocol);
  const families = new Set([...ids].map((id) => id.split("-")[0]));
  const tested = new Set();
  for (const file of [...testFiles, ...pages]) {
    for (const { id, line } of mentions(file.text)) {
      // `UTF-8` and `SHA-256` look like rules and are none.
      if (!families.has(id.split("-")[0])) continue;
      if (!ids.has(id))
        faults.push({ path: file.path, line, what: `${id} is not a rule of ${protocol.path}` });
      else if (testFiles.includes(file)) tested.add(id);
    }
  }
  return { ids: [...ids], untested: [...ids].filter((id) => !tested.has(id)), faults };
}

function readDefinitions(protocol) {
  const ids = new Set();
  const faults = [];
  for (const [index, line] of protocol.text.split("\n").entries()) {
    const id = RULE_DEFINITION.exec(line)?.[1];
    if (id === undefined) continue;
    if (ids.has(id)) faults.push({ path: protocol.path, line: index + 1, what: `${id} is defined twice` });
    ids.add(id);
  }
  return { ids, faults };
}

function mentions(text) {
  return text
    .split("\n")
    .flatMap((line, index) =>
      [...line.matchAll(RULE_ID)].map((match) => ({ id: match[0], line: index + 1 })),
    );
}
