import { z } from 'zod'
import { ServiceError } from '../../../errors.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { feedWire, toFeedText, toFeedWire } from './wire.ts'

const revision = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/** `GET /v1/revocations`: the feed for verifiers, as a page or, with `Accept: text/event-stream`, as a stream. */
export const getFeed: Operation = defineOperation({
  id: 'getRevocations',
  method: 'GET',
  path: '/v1/revocations',
  scope: 'verify',
  summary: 'Get or follow the feed of revocations',
  streams: true,
  query: z.strictObject({
    after: revision.default(0).meta({ description: 'the revision that has been applied; 0 for everything' }),
    limit: z.coerce
      .number()
      .int()
      .min(1)
      .max(1_000)
      .default(500)
      .meta({ description: 'entries of a page; a revision is never split' }),
  }),
  replies: {
    200: {
      description:
        'The entries after a revision. As text/event-stream: events `entries`, each with such a page as its data and `through` as its id, a comment every 10 s, resumed by Last-Event-ID; it only hastens, and moves nobody’s position',
      schema: feedWire,
      alsoAs: 'text/event-stream',
    },
  },
  errors: ['too_many_verifiers', 'overloaded'],
  async handle({ query, actor, stream }, { feed, revocationStreams }) {
    if (stream === undefined) return { status: 200, body: toFeedWire(await feed.page(query)) }
    const source = revocationStreams.open({ holder: actor.id, after: resumeAt(stream.lastEventId) ?? query.after })
    return {
      status: 200,
      events: {
        async next() {
          const page = await source.next()
          return page && { id: String(page.through), event: 'entries', data: toFeedText(page) }
        },
        close: source.close,
      },
    }
  },
})

// WHATWG HTML section 9.2.4: a browser repeats the last id on the address that it began with, so the id is the newer of the two.
function resumeAt(lastEventId: string | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined
  if (!/^(0|[1-9][0-9]{0,15})$/.test(lastEventId) || !Number.isSafeInteger(Number(lastEventId))) {
    throw new ServiceError('validation_failed', { detail: 'Last-Event-ID is not a revision' })
  }
  return Number(lastEventId)
}
