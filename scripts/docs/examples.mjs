import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const CHECKED_LANGUAGES = new Map([
  ["ts", "ts"],
  ["typescript", "ts"],
  ["tsx", "tsx"],
  ["js", "js"],
  ["javascript", "js"],
  ["mjs", "js"],
]);

/**
 * Blocks whose fence says that they are checked: the language, then the word `check`.
 *
 * @returns {{path: string, line: number, text: string, extension: string}[]}
 */
export function checkedBlocks(pages) {
  return pages.flatMap((page) =>
    page.blocks.flatMap((block) => {
      const [language = "", ...words] = block.info.split(/\s+/);
      const extension = CHECKED_LANGUAGES.get(language.toLowerCase());
      return extension !== undefined && words.includes("check")
        ? [{ ...block, path: page.path, extension }]
        : [];
    }),
  );
}

/**
 * Compiles the blocks against the sources of the packages; faults point into the page that holds the block.
 *
 * @returns {{path: string, line: number, what: string}[]}
 */
export function compileExamples(root, blocks) {
  if (blocks.length === 0) return [];
  // Inside the repository, so that imports find the packages as a reader's project would.
  const folder = join(root, `.docs-check-${process.pid}`);
  mkdirSync(folder);
  try {
    const names = blocks.map((block, index) => writeExample(folder, block, index));
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(exampleConfig(names)));
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const argv = [tsc, "-p", join(folder, "tsconfig.json"), "--pretty", "false"];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd: folder, encoding: "utf8" });
    const faults = stdout.split("\n").flatMap((line) => faultOf(blocks, names, line));
    if (status !== 0 && faults.length === 0)
      faults.push({ path: "examples", line: 1, what: `${stdout}${stderr}`.trim() });
    return faults;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeExample(folder, block, index) {
  const name = `example-${index}.${block.extension}`;
  // The last line makes a module of it, so that examples do not see each other's names.
  writeFileSync(join(folder, name), `${block.text}\nexport {};\n`);
  return name;
}

function exampleConfig(names) {
  return {
    extends: "../tsconfig.base.json",
    compilerOptions: {
      rootDir: "..",
      composite: false,
      declaration: false,
      declarationMap: false,
      sourceMap: false,
      noEmit: true,
      allowJs: true,
      checkJs: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      jsx: "react-jsx",
      lib: ["ES2024", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
      types: ["node"],
    },
    files: names,
  };
}

function faultOf(blocks, names, line) {
  const match = /^(?:.*[\\/])?(example-\d+\.\w+)\((\d+),\d+\): error (.*)$/.exec(line);
  if (match !== null) {
    const block = blocks[names.indexOf(match[1])];
    return [
      {
        path: block.path,
        line: block.line + Number(match[2]) - 1,
        what: `example does not compile: ${match[3]}`,
      },
    ];
  }
  const elsewhere = /^(\S.*)\((\d+),\d+\): error (.*)$/.exec(line);
  if (elsewhere === null) return [];
  return [{ path: elsewhere[1].replace(/^(\.\.\/)+/, ""), line: Number(elsewhere[2]), what: elsewhere[3] }];
}
