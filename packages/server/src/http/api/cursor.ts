import { createHash } from 'node:crypto'
import { z } from 'zod'
import { ServiceError } from '../../errors.ts'
import { canonicalJson } from '../../lib/index.ts'

const content = z.strictObject({ after: z.string().min(1).max(512), of: z.string().length(16) })

// Names the list and its filters: a cursor taken to another list or other filters would silently skip rows.
function fingerprint(list: string, filter: Readonly<Record<string, string>>): string {
  return createHash('sha256')
    .update(canonicalJson([list, filter]))
    .digest('base64url')
    .slice(0, 16)
}

/** The opaque cursor after a position, valid for this list under these filters only. */
export function encodeCursor(
  list: string,
  filter: Readonly<Record<string, string>>,
  after: string | null,
): string | null {
  if (after === null) return null
  return Buffer.from(JSON.stringify({ after, of: fingerprint(list, filter) })).toString('base64url')
}

/**
 * The position in a cursor. Undefined stays undefined: the first page.
 * @throws ServiceError validation_failed for anything that this list under these filters did not hand out
 */
export function decodeCursor(
  list: string,
  filter: Readonly<Record<string, string>>,
  cursor: string | undefined,
): string | undefined {
  if (cursor === undefined) return undefined
  const parsed = content.safeParse(parse(cursor))
  if (!parsed.success || parsed.data.of !== fingerprint(list, filter)) {
    const detail = 'the cursor does not belong to this list with these filters'
    throw new ServiceError('validation_failed', {
      detail,
      problems: [{ pointer: '/after', code: 'cursor', detail, fix: 'start again without `after`' }],
    })
  }
  return parsed.data.after
}

function parse(cursor: string): unknown {
  if (!/^[A-Za-z0-9_-]{1,1024}$/.test(cursor)) return undefined
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
