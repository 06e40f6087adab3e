/** What the command line does with the file of a database, without a server. */
export { shownBytes } from "../doctor/finding.ts";
export { backupDatabase } from "../stores/sqlite/database-backup.ts";
export { compactDatabase } from "../stores/sqlite/database-compaction.ts";
