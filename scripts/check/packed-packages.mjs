import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capture, runCommand, tool } from "./command.mjs";

/** Folders of the packages that are published. */
const PUBLISHED = ["packages/protocol", "packages/client", "packages/server", "conformance"];

/** What must be in a package, and what must never be. */
const REQUIRED_FILES = [/^package\.json$/, /^dist\/index\.js$/, /^dist\/index\.d\.ts$/];
const UNWANTED_FILES = [/\.test\.(ts|js|d\.ts)/, /\.tsbuildinfo$/, /(^|\/)\.env/, /\.(db|pem|key)$/];

/** Builds, packs, and looks at the tarballs as whoever installs them would. */
export async function checkPackages(root, say) {
  const faults = await runCommand(root, tool(root, "typescript/bin/tsc", "-b"));
  const folder = mkdtempSync(join(tmpdir(), "tachikoma-packages-"));
  try {
    const tarballs = [];
    for (const name of PUBLISHED) tarballs.push({ name, ...(await pack(root, folder, name)) });
    for (const tarball of tarballs) faults.push(...(await checkTarball(root, say, tarball)));
    faults.push(...(await checkImports(root, say, folder, tarballs)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return faults;
}

async function pack(root, folder, name) {
  const argv = ["npm", "pack", "--json", "--loglevel=error", "--pack-destination", folder];
  const { code, output } = await capture(root, argv, { cwd: join(root, name) });
  if (code !== 0) throw new Error(`npm pack of ${name} ended with ${code}:\n${output}`);
  // npm may print a notice around its JSON, and its form has changed between versions: a list, or an object by name.
  const parsed = JSON.parse(output.slice(output.search(/^[[{]/m)));
  const packed = Array.isArray(parsed) ? parsed[0] : Object.values(parsed)[0];
  return {
    path: join(folder, packed.filename.replace("@", "").replace("/", "-")),
    files: packed.files,
    size: packed.size,
  };
}

async function checkTarball(root, say, { name, path, files, size }) {
  const paths = files.map((file) => file.path);
  say(`${name}: ${paths.length} files, ${size} bytes packed`);
  const faults = REQUIRED_FILES.filter((pattern) => !paths.some((file) => pattern.test(file))).map(
    (pattern) => `${name}: the package has no file like ${pattern}`,
  );
  const unwanted = paths.filter((file) => UNWANTED_FILES.some((pattern) => pattern.test(file)));
  if (unwanted.length > 0)
    faults.push(`${name}: ${unwanted.length} files do not belong in the package, like ${unwanted[0]}`);
  const publint = await capture(root, tool(root, "publint/src/cli.js", "run", path, "--strict"));
  if (publint.code !== 0) faults.push(`${name}: publint:\n${publint.output.trim()}`);
  // Only ECMAScript modules are published, so how CommonJS resolution would fare is no question.
  const attw = await capture(
    root,
    tool(root, "@arethetypeswrong/cli/dist/index.js", path, "--profile", "esm-only"),
  );
  if (attw.code !== 0) faults.push(`${name}: attw:\n${attw.output.trim()}`);
  return faults;
}

/** A project that has the packages installed, and everything they say that they need. */
async function checkImports(root, say, folder, tarballs) {
  const project = join(folder, "project");
  const manifests = [];
  for (const { name, path } of tarballs) {
    const { name: packageName } = JSON.parse(readFileSync(join(root, name, "package.json"), "utf8"));
    const target = join(project, "node_modules", packageName);
    mkdirSync(target, { recursive: true });
    const { code, output } = await capture(root, ["tar", "-xzf", path, "-C", target, "--strip-components=1"]);
    if (code !== 0) throw new Error(`${path} cannot be unpacked: ${output}`);
    const manifest = JSON.parse(readFileSync(join(target, "package.json"), "utf8"));
    manifests.push(manifest);
    linkDependencies(root, project, manifest);
  }
  writeFileSync(join(project, "package.json"), '{"type":"module","private":true}');
  const entries = manifests.flatMap(({ name, exports }) =>
    Object.keys(exports).map((entry) => join(name, entry)),
  );
  const faults = [];
  for (const entry of entries) faults.push(...(await checkEntry(root, project, entry)));
  for (const manifest of manifests) faults.push(...(await checkCommands(root, project, manifest)));
  say(`imported from a project of its own: ${entries.join(", ")}`);
  return faults;
}

/** Links what the package declares and nothing else, so that a missing declaration is found. */
function linkDependencies(root, project, manifest) {
  const wanted = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies };
  for (const dependency of Object.keys(wanted)) {
    if (dependency.startsWith("@tachikoma/")) continue;
    const link = join(project, "node_modules", dependency);
    mkdirSync(join(link, ".."), { recursive: true });
    if (readdirSync(join(link, "..")).includes(dependency.split("/").at(-1))) continue;
    symlinkSync(join(root, "node_modules", dependency), link);
  }
}

async function checkEntry(root, project, entry) {
  const source = `const m = await import(${JSON.stringify(entry)}); if (Object.keys(m).length === 0) throw new Error("no exports");`;
  const argv = [process.execPath, "--input-type=module", "--eval", source];
  const { code, output } = await capture(root, argv, { cwd: project });
  return code === 0 ? [] : [`import of ${entry} from the packed package failed:\n${output.trim()}`];
}

async function checkCommands(root, project, { name, version, bin = {} }) {
  const faults = [];
  for (const [command, path] of Object.entries(bin)) {
    const file = join(project, "node_modules", name, path);
    const { code, output } = await capture(root, [process.execPath, file, "--version"], { cwd: project });
    const isRight = code === 0 && output.includes(version);
    if (!isRight)
      faults.push(
        `${command} --version from the packed package said (${code}): ${output.trim().slice(0, 500)}`,
      );
  }
  return faults;
}
