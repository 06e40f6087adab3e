/** What lies in the database is not what was stored, and SQLite could not tell. */
export class Damage extends Error {
  override readonly name = "Damage";
}
