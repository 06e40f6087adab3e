import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/**
 * Links that lead nowhere: a file that is not there, or an anchor that its page does not have.
 *
 * @returns {{path: string, line: number, what: string}[]}
 */
export function findBrokenLinks(root, pages) {
  const byPath = new Map(pages.map((page) => [page.path, page]));
  return pages.flatMap((page) =>
    page.links.flatMap(({ target, line }) => {
      const what = linkFault(root, byPath, page, target);
      return what === undefined ? [] : [{ path: page.path, line, what }];
    }),
  );
}

function linkFault(root, byPath, page, target) {
  // Addresses on other machines are not ours to check, and a check that needs a network fails without a reason.
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [file = "", anchor] = decodeURIComponent(target).split("#");
  const path = file === "" ? page.path : normalize(join(dirname(page.path), file)).replaceAll("\\", "/");
  if (path.startsWith("..")) return `link to ${target} leaves the repository`;
  if (!existsSync(join(root, path))) return `link to ${target}: there is no ${path}`;
  if (anchor === undefined || anchor === "") return undefined;
  if (statSync(join(root, path)).isDirectory()) return `link to ${target}: a folder has no anchors`;
  const linked = byPath.get(path);
  if (linked === undefined || linked.anchors.has(anchor)) return undefined;
  return `link to ${target}: ${path} has no heading with this anchor`;
}
