/**
 * Sessions know who holds them, so that a connection that lost one cannot write it; pieces have a checksum, so that a disk
 * that returns something else is noticed. Both columns of a file that is there cost nothing: no row is written anew. What
 * version 1 wrote has no checksum; retention replaces it.
 */
export const VERSION_2 = `
  ALTER TABLE session ADD COLUMN holder   INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE session ADD COLUMN node_id  TEXT    NOT NULL DEFAULT '';
  ALTER TABLE session ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

  ALTER TABLE piece ADD COLUMN checksum INTEGER;
`;
