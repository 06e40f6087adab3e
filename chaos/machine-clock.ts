/** Milliseconds of the machine's own monotonic clock: the same in every process on it, so that their records can be merged. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
