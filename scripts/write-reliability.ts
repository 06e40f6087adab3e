// Writes docs/reliability.md from docs/reliability-results.json: npx node --conditions=source scripts/write-reliability.ts
import { foundRows } from "./long/found-rows.ts";
import { writePage } from "./long/publish.ts";

writePage(foundRows());
