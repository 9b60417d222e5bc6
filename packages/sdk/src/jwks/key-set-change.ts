import type { KeyTable, VerificationKey } from '../keys/index.ts'

/** A key as it appears in a {@link KeySetChange}. */
export interface KeyName {
  readonly kid: string | undefined
  /** RFC 7638. */
  readonly thumbprint: string
}

/** How the usable keys of an issuer changed with a refresh. */
export interface KeySetChange {
  readonly issuer: string
  /** The first set since this source exists; everything counts as added. */
  readonly initial: boolean
  readonly added: readonly KeyName[]
  readonly removed: readonly KeyName[]
}

/** What a refresh changed among the usable keys, by kid and thumbprint; undefined when nothing. */
export function differenceOf(issuer: string, previous: KeyTable | undefined, next: KeyTable): KeySetChange | undefined {
  const before = named(previous?.keys ?? [])
  const after = named(next.keys)
  const added = [...after].filter(([name]) => !before.has(name)).map(([, key]) => key)
  const removed = [...before].filter(([name]) => !after.has(name)).map(([, key]) => key)
  if (previous !== undefined && added.length === 0 && removed.length === 0) return undefined
  return { issuer, initial: previous === undefined, added, removed }
}

function named(keys: readonly VerificationKey[]): Map<string, KeyName> {
  return new Map(keys.map(({ kid, thumbprint }) => [JSON.stringify([kid ?? null, thumbprint]), { kid, thumbprint }]))
}
