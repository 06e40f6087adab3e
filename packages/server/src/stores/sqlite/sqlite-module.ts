/**
 * Loads `node:sqlite` without the ExperimentalWarning that Node 22 prints for it. Only that warning is held back, and only
 * while the module loads. A static import would load it before any of our code could run.
 */
type Sqlite = typeof import("node:sqlite");

export function loadSqlite(): Sqlite {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (rest[0] === "ExperimentalWarning" && String(warning).includes("SQLite")) return;
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}
