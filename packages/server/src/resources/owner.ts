/** Whom `metadata.owner` names. */
export interface OwnerReference {
  readonly kind: 'Team' | 'Person'
  readonly name: string
}

/** The resource that an owner such as `team:orders` names. Undefined for anything that is not exactly an owner. */
export function parseOwner(owner: string): OwnerReference | undefined {
  const match = /^(team|person):([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)$/.exec(owner)
  const name = match?.[2]
  if (!match || name === undefined) return undefined
  return { kind: match[1] === 'team' ? 'Team' : 'Person', name }
}
