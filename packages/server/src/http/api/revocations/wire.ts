import { z } from 'zod'
import type { FeedPage } from '../../../revocation/index.ts'
import { instant } from '../schemas.ts'

const revision = z.number().int().min(0)

/** A part of the feed on the wire; also the data of a stream event, and what a lease is refused with. */
export const feedWire: z.ZodType = z
  .object({
    after: revision,
    through: revision.meta({ description: 'the answer is complete up to this revision' }),
    tag: z.string().meta({ description: 'names the history at `through`' }),
    head: revision,
    expired_up_to: instant.meta({
      description: 'a token that expires by then counts as revoked: what concerned it has been deleted',
    }),
    entries: z.array(
      z.object({
        revision,
        kind: z.string(),
        value: z.string(),
        up_to_revision: revision.nullable(),
        issued_before: instant.nullable(),
        at: instant,
        expires_at: instant,
      }),
    ),
    more: z.boolean(),
  })
  .meta({ id: 'RevocationFeed' })

/** The wire form of a page. Hundreds of verifiers get the same page at the same moment: its text is written once. */
export function toFeedText(page: FeedPage): string {
  const known = texts.get(page)
  if (known !== undefined) return known
  const text = JSON.stringify(toFeedWire(page))
  texts.set(page, text)
  return text
}

const texts = new WeakMap<FeedPage, string>()

/** The wire form of a page, as a value. */
export function toFeedWire(page: FeedPage): Readonly<Record<string, unknown>> {
  return {
    after: page.after,
    through: page.through,
    tag: page.tag,
    head: page.head,
    expired_up_to: page.expiredUpTo.toISOString(),
    entries: page.entries.map((entry) => ({
      revision: entry.revision,
      kind: entry.kind,
      value: entry.value,
      up_to_revision: entry.upToRevision ?? null,
      issued_before: entry.issuedBefore?.toISOString() ?? null,
      at: entry.at.toISOString(),
      expires_at: entry.expiresAt.toISOString(),
    })),
    more: page.more,
  }
}
