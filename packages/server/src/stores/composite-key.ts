/** One map key for several names. Their lengths keep apart what a separator would confuse: `("a:b", "c")` and `("a", "b:c")`. */
export function compositeKey(...names: readonly string[]): string {
  let key = "";
  for (const name of names) key += `${name.length}:${name}`;
  return key;
}
