/** One map key for several names. JSON keeps apart what a separator would confuse: `("a:b", "c")` and `("a", "b:c")`. */
export function compositeKey(...names: readonly string[]): string {
  return JSON.stringify(names);
}
