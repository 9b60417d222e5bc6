import { ServiceError } from '../errors.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import type { Feed } from './feed.ts'
import type { FeedPage } from './types.ts'

/** How many streams there may be. */
export interface StreamLimits {
  readonly perHolder: number
  readonly inAll: number
}

const LIMITS: StreamLimits = { perHolder: 1_024, inAll: 4_096 }

/** What streams are made over. */
export interface RevocationStreamsDeps {
  readonly database: Pick<Database<Tables>, 'revisions'>
  readonly feed: Feed
  readonly limits?: StreamLimits
}

/** One subscriber. It holds a position and no buffer: a slow reader costs the page that it is reading. */
export interface RevocationStream {
  /** The next page with news, as soon as there is one; undefined when the stream has ended. One call at a time. */
  next(): Promise<FeedPage | undefined>
  /** Ends the stream; a call of `next` that waits gets undefined. */
  close(): void
}

/** Streams of the feed. They only hasten: what a stream says or withholds moves no verifier's position (design section 8). */
export interface RevocationStreams {
  /** @throws ServiceError too_many_verifiers, overloaded (too many streams in all, or the server is stopping) */
  open(input: { readonly holder: string; readonly after: number }): RevocationStream
  /** Ends every stream and opens no more. */
  close(): void
}

/** Creates streams. Subscribe after whatever a revision must reach first: listeners hear of it in the order of subscription. */
export function createRevocationStreams(deps: RevocationStreamsDeps): RevocationStreams {
  const { database, feed, limits = LIMITS } = deps
  const open = new Map<object, { readonly holder: string; wake(): void; end(): void }>()
  const perHolder = new Map<string, number>()
  let closed = false
  let announced = 0
  const unsubscribe = database.revisions.subscribe((changes) => {
    announced = changes.at(-1)?.revision ?? announced
    for (const { wake } of open.values()) wake()
  })

  function count(holder: string, change: number): void {
    const left = (perHolder.get(holder) ?? 0) + change
    if (left > 0) perHolder.set(holder, left)
    else perHolder.delete(holder)
  }

  function start(holder: string, after: number): RevocationStream {
    const key = {}
    let position = after
    let ended = false
    let news = Promise.withResolvers<void>()
    const wake = () => news.resolve()
    const end = () => {
      if (ended) return
      ended = true
      open.delete(key)
      count(holder, -1)
      wake()
    }
    open.set(key, { holder, wake, end })
    count(holder, 1)

    /** The next page if there is news. Asked for again after each wake, so that a revision is not missed between two looks. */
    async function look(): Promise<FeedPage | undefined> {
      let page = await feed.page({ after: position, atLeast: announced })
      // A position of another history: everything of this one is news.
      if (page.head < position) page = await feed.page({ after: 0 })
      if (page.through === position) return undefined
      position = page.through
      return page
    }

    return {
      async next() {
        while (!ended) {
          news = Promise.withResolvers()
          const page = await look()
          if (ended) break
          if (page) return page
          await news.promise
        }
        return undefined
      },
      close: end,
    }
  }

  return {
    open({ holder, after }) {
      if (closed || open.size >= limits.inAll) throw new ServiceError('overloaded')
      if ((perHolder.get(holder) ?? 0) >= limits.perHolder) throw new ServiceError('too_many_verifiers')
      return start(holder, after)
    },
    close() {
      closed = true
      unsubscribe()
      for (const { end } of [...open.values()]) end()
    },
  }
}
