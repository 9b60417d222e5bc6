import { ServiceError } from '../../errors.ts'

/** The strong entity tag of a revision (W-10): `"REVISION"`. */
export function entityTagOf(revision: number): string {
  return `"${revision}"`
}

/**
 * The tags of an If-Match header, without quotes; undefined when the header is absent or `*` (which every existing object matches).
 * Weak tags never match (RFC 9110 section 8.8.3.2), so they are kept as what no revision equals.
 * @throws ServiceError validation_failed when the header is no list of entity tags
 */
export function parseIfMatch(header: string | undefined): readonly string[] | undefined {
  if (header === undefined || header.trim() === '*') return undefined
  const parts = header.split(',').map((part) => part.trim())
  if (parts.length > 16 || parts.some((part) => !/^(W\/)?"[\x21\x23-\x7e]{0,64}"$/.test(part))) {
    throw new ServiceError('validation_failed', { detail: 'If-Match is not a list of entity tags' })
  }
  return parts.map((part) => (part.startsWith('W/') ? part : part.slice(1, -1)))
}

/**
 * The revision to hold a change to: the one of the given tags that the object has now, found by `readRevision` only if there are several.
 * @throws ServiceError precondition_failed when no tag can be the object's revision
 */
export async function expectedRevision(
  tags: readonly string[] | undefined,
  readRevision: () => Promise<number>,
): Promise<number | undefined> {
  if (tags === undefined) return undefined
  const revisions = tags.filter((tag) => /^[0-9]{1,15}$/.test(tag)).map(Number)
  const [first, ...others] = revisions
  if (first !== undefined && others.length === 0) return first
  const current = await readRevision()
  if (!revisions.includes(current)) throw new ServiceError('precondition_failed')
  return current
}
