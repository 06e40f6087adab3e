/** What has to be asked of the store next for one roster entry. */

export interface EntryState {
  /** What the entry is to say; `undefined` when it is not to be there. */
  readonly wanted: string | undefined;
  /** What it is known to say. */
  readonly stored: string | undefined;
  /** What it may say instead: this was asked for, and there was no answer. */
  readonly asked: string | undefined;
}

export type EntryStep =
  | { readonly kind: "enroll"; readonly value: string }
  /** Whichever of these it says. */
  | { readonly kind: "strike"; readonly values: readonly string[] };

/** `undefined` when the store is in line. */
export function nextStep({ wanted, stored, asked }: EntryState): EntryStep | undefined {
  if (wanted === undefined) {
    const values = [asked, stored].filter((value) => value !== undefined);
    return values.length === 0 ? undefined : { kind: "strike", values };
  }
  // First what has no answer yet: so at most two values are in question, however long the store is away.
  if (asked !== undefined) return { kind: "enroll", value: asked };
  return stored === wanted ? undefined : { kind: "enroll", value: wanted };
}
