type Defined<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** The fields without those that are `undefined`, so that an absent field stays absent when it is copied. */
export function definedFields<Fields extends object>(fields: Fields): Defined<Fields> {
  const defined: Partial<Fields> = {};
  for (const name of Object.keys(fields) as (keyof Fields)[]) {
    if (fields[name] !== undefined) defined[name] = fields[name];
  }
  return defined as Defined<Fields>;
}
