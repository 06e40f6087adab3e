// Puts beside a package what belongs into its tarball and stands elsewhere in the repository. Runs in the package's folder.
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { name } = JSON.parse(readFileSync("package.json", "utf8"));

cpSync(join(root, "LICENSE"), "LICENSE");
if (name === "@tachikoma/protocol") cpSync(join(root, "PROTOCOL.md"), "PROTOCOL.md");
if (name === "@tachikoma/server") {
  const built = join(root, "packages", "console", "dist");
  if (!existsSync(built))
    throw new Error("The console is not built: run `npx vite build` in packages/console first");
  cpSync(built, "console", { recursive: true });
}
