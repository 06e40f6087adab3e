/** Brings docs/configuration.md up to date: `node --conditions=source packages/server/src/config/write-reference.ts`. */
import { readFileSync, writeFileSync } from "node:fs";
import { withReference } from "./reference.ts";

const page = new URL("../../../../docs/configuration.md", import.meta.url);
writeFileSync(page, withReference(readFileSync(page, "utf8")));
