/** How a thread is started, from sources as from what was built. */

/** The file of a worker beside this one, of the kind that this one is: sources run unbuilt under type stripping. */
export function workerFile(name: string): URL {
  return new URL(`./${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
}

/**
 * A worker takes over the flags of its process (`--conditions=source` among them). That must not happen under
 * `node --input-type=module -e ...`, because Node then refuses to load any file in it.
 */
export function inheritedFlags(): { execArgv?: string[] } {
  const flags = process.execArgv;
  if (!flags.some((flag) => flag.startsWith("--input-type"))) return {};
  return { execArgv: flags.filter((flag) => flag.startsWith("--conditions=")) };
}
