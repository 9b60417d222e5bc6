import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { deleteExpiredRevocations, insertRevocations } from './store.ts'
import type { FeedPage, RevocationRequest } from './types.ts'
import { openReplicas } from './verifiers.fixture.ts'

type Replica = Awaited<ReturnType<typeof openReplicas>>['one']

const KEPT_MS = 4_200_000

function request(value: string, expiresAt = new Date(Date.now() + KEPT_MS)): RevocationRequest {
  return { kind: 'jti', value, upToRevision: undefined, reason: 'test', actor: 'test', expiresAt }
}

/** One revision with so many entries; none is a change of something else. */
function write({ database }: Replica, values: readonly string[], expiresAt?: Date): Promise<number> {
  return database.transaction(async (tx) => {
    const revision = await database.revisions.append(tx, { kind: 'revocation', target: '', detail: null })
    await insertRevocations(
      tx,
      revision,
      new Date(),
      values.map((value) => request(value, expiresAt)),
    )
    return revision
  })
}

/** Everything that a verifier gets by asking page after page, as it would. */
async function readAll({ feed }: Replica, limit: number, from = 0): Promise<{ values: string[]; pages: FeedPage[] }> {
  const pages: FeedPage[] = []
  for (let after = from; ; ) {
    const page = await feed.page({ after, limit })
    pages.push(page)
    if (!page.more) return { values: pages.flatMap((one) => one.entries.map(({ value }) => value)), pages }
    assert.equal(page.through > after, true, 'each page gets on')
    after = page.through
  }
}

test('a page never splits a revision, also where one alone has more entries than the limit', async (t) => {
  const { one } = await openReplicas(t)
  const sizes = [1, 0, 3, 7, 2, 0, 0, 5, 1]
  const all: string[] = []
  for (const [index, size] of sizes.entries()) {
    const values = Array.from({ length: size }, (_, entry) => `jti_${index}_${entry}`)
    all.push(...values)
    await write(one, values)
  }
  for (const limit of [1, 2, 3, 5, 100]) {
    const { values, pages } = await readAll(one, limit)
    assert.deepEqual(values, all, `limit ${limit}`)
    for (const page of pages) {
      const last = page.entries.at(-1)?.revision ?? 0
      const size = page.entries.filter(({ revision }) => revision === last).length
      if (last > 0) assert.equal(size, sizes[last - 1], 'its last revision is whole')
      assert.equal(
        page.entries.every(({ revision }) => revision > page.after && revision <= page.through),
        true,
      )
    }
    assert.equal(pages.at(-1)?.through, sizes.length)
  }
})

test('invariant 7: entries that are committed while pages are read are never passed over', async (t) => {
  const { one, other } = await openReplicas(t)
  const written: string[] = []
  let writing = true
  const writer = async (replica: Replica, name: string) => {
    for (let count = 0; count < 60; count += 1) {
      const values = Array.from({ length: count % 4 }, (_, entry) => `${name}_${count}_${entry}`)
      await write(replica, values)
      written.push(...values)
    }
  }
  const writers = Promise.all([writer(one, 'a'), writer(other, 'b')]).then(() => {
    writing = false
  })
  // A follower: what it has applied is what the pages said, up to `through`.
  const seen = new Set<string>()
  let position = 0
  while (writing || position < (await one.database.revisions.newest())) {
    const page = await one.feed.page({ after: position, limit: 3 })
    for (const { value } of page.entries) seen.add(value)
    position = page.through
    // Embedded reads take no turn of the event loop, and the writers need theirs.
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(page.tag, await one.database.revisions.tagOf(position))
  }
  await writers
  assert.deepEqual([...seen].sort(), written.sort())
})

test('a page claims no more than the head that was read before its rows', async (t) => {
  const { one } = await openReplicas(t)
  await write(one, ['jti_a'])
  const { newest } = one.database.revisions
  one.database.revisions.newest = async () => {
    const head = await newest()
    // Committed between the two reads of one page.
    await write(one, [`jti_late_${head}`])
    return head
  }
  const page = await one.feed.page({ after: 0 })
  one.database.revisions.newest = newest
  assert.deepEqual([page.through, page.head, page.more], [1, 1, false])
  assert.deepEqual(
    page.entries.map(({ value }) => value),
    ['jti_a'],
  )
  const next = await one.feed.page({ after: page.through })
  assert.deepEqual(
    next.entries.map(({ value }) => value),
    ['jti_late_1'],
  )
})

test('what was deleted while a page was read is refused by `expired_up_to`', async (t) => {
  const { one } = await openReplicas(t)
  const past = new Date(Date.now() - 1_000)
  await write(one, ['jti_old'], past)
  const { tagOf } = one.database.revisions
  const { newest } = one.database.revisions
  one.database.revisions.newest = async () => {
    const head = await newest()
    await one.database.transaction((tx) => deleteExpiredRevocations(tx, new Date(), { mayJump: true }))
    return head
  }
  const page = await one.feed.page({ after: 0 })
  Object.assign(one.database.revisions, { newest, tagOf })
  assert.deepEqual(page.entries, [])
  assert.equal(page.expiredUpTo.getTime() >= past.getTime(), true)
})

test('an `after` of another history gets no entries and the head that there is', async (t) => {
  const { one } = await openReplicas(t)
  await write(one, ['jti_a'])
  const page = await one.feed.page({ after: 99 })
  assert.deepEqual([page.after, page.through, page.head, page.more, page.entries.length], [99, 1, 1, false, 0])
})

test('callers that ask at the same time share one reading, unless they know of something newer', async (t) => {
  const { one } = await openReplicas(t)
  await write(one, ['jti_a'])
  let readings = 0
  const { newest } = one.database.revisions
  one.database.revisions.newest = () => {
    readings += 1
    return newest()
  }
  const pages = await Promise.all(Array.from({ length: 250 }, () => one.feed.page({ after: 0 })))
  assert.equal(readings, 1)
  assert.equal(new Set(pages).size, 1)
  const early = one.feed.page({ after: 0 })
  const revision = await write(one, ['jti_b'])
  const [, fresh] = await Promise.all([early, one.feed.page({ after: 0, atLeast: revision })])
  assert.equal(fresh.through, revision)
})

test('any sequence of revisions read with any limits comes out whole and in order', async (t) => {
  const { one } = await openReplicas(t)
  let base = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 6 }),
      async (sizes, limit) => {
        const from = base
        const expected: string[] = []
        for (const size of sizes) {
          base += 1
          const values = Array.from({ length: size }, (_, entry) => `jti_${base}_${entry}`)
          expected.push(...values)
          assert.equal(await write(one, values), base)
        }
        assert.deepEqual((await readAll(one, limit, from)).values, expected)
      },
    ),
    { numRuns: 40 },
  )
})
