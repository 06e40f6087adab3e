/** What became of seeds that failed in a long test, by seed of the simulation. Each was understood before it stood here, and holds since. */
export const VERDICTS: ReadonlyMap<number, string> = new Map([
  [
    352_288,
    "the checker: a cancel that was answered in the moment of a failover may be on the side that was lost",
  ],
  [356_958, "fixed: a node that could not follow its letters at its start never tried again"],
  [
    369_098,
    "the checker: a place that a failover took does not count until its node says so again (docs/guarantees.md)",
  ],
  [372_562, "the checker: three delays that are equal to the millisecond are an accident in so many runs"],
  [391_834, "fixed: the same as 356958"],
  [396_942, "the checker: the same as 372562"],
  [423_481, "fixed: a claim that a failover lost must be older than any that comes after it"],
  [423_612, "fixed: a client was ended for good by an earlier connection of its own"],
  [453_362, "fixed: presence that was read while the lease of the node was lost"],
  [474_514, "the checker: a start that was written again is not older than what stands before it"],
  [475_926, "the checker: the same as 369098"],
  [493_291, "fixed: the same as 423481"],
]);
