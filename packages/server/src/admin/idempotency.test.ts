import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { openTestDatabase, type TestScope } from '../../../../test/support/database.ts'
import type { ServiceError } from '../errors.ts'
import { createIdempotency } from './idempotency.ts'

const hash = (text: string) => createHash('sha256').update(text).digest()
const hasCode = (code: string) => (error: ServiceError) => error.code === code
const first = { actor: 'wl_a', key: 'k1', request: hash('POST /a') }

async function open(scope: TestScope) {
  let at = Date.parse('2026-11-24T10:00:00Z')
  const now = () => new Date(at)
  const database = await openTestDatabase(scope, { now })
  return {
    idempotency: createIdempotency({ database, now }),
    advance: (ms: number) => {
      at += ms
    },
  }
}

describe('W-10: a repeated request', () => {
  it('is refused when it is not the same request', async (t) => {
    const { idempotency } = await open(t)
    await idempotency.once(first, async () => ({ status: 201, body: 'a' }))
    await assert.rejects(
      idempotency.once({ ...first, request: hash('POST /b') }, () => assert.fail('done again')),
      hasCode('idempotency_mismatch'),
    )
  })

  it('is refused while the first one runs, also when it is another request', async (t) => {
    const { idempotency } = await open(t)
    const gate = Promise.withResolvers<void>()
    const running = idempotency.once(first, async () => {
      await gate.promise
      return { status: 200, body: 'a' }
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    await assert.rejects(
      idempotency.once(first, () => assert.fail('done twice')),
      hasCode('conflict'),
    )
    await assert.rejects(
      idempotency.once({ ...first, request: hash('x') }, () => assert.fail('done twice')),
      hasCode('idempotency_mismatch'),
    )
    gate.resolve()
    assert.equal((await running).repeated, false)
  })

  it('runs once of many at the same time', async (t) => {
    const { idempotency } = await open(t)
    let runs = 0
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () =>
        idempotency.once(first, async () => {
          runs += 1
          return { status: 200, body: String(runs) }
        }),
      ),
    )
    assert.equal(runs, 1)
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') assert.equal(outcome.value.body, '1')
      else assert.equal(outcome.reason.code, 'conflict')
    }
  })

  it('is not answered with what another actor did under the same key', async (t) => {
    const { idempotency } = await open(t)
    await idempotency.once(first, async () => ({ status: 201, body: 'a' }))
    const other = await idempotency.once({ ...first, actor: 'wl_b' }, async () => ({ status: 201, body: 'b' }))
    assert.deepEqual(other, { status: 201, body: 'b', repeated: false })
  })

  it('is done again when the first one failed', async (t) => {
    const { idempotency } = await open(t)
    await assert.rejects(
      idempotency.once(first, () => Promise.reject(new Error('refused'))),
      /refused/,
    )
    const again = await idempotency.once({ ...first, request: hash('other') }, async () => ({ status: 200, body: '' }))
    assert.equal(again.repeated, false)
  })

  it('may take over a key whose process died in the middle', async (t) => {
    const { idempotency, advance } = await open(t)
    void idempotency.once(first, () => new Promise<never>(() => {}))
    await new Promise((resolve) => setTimeout(resolve, 50))
    // A revocation waits for its receipt for a minute.
    advance(75_000)
    await assert.rejects(
      idempotency.once(first, () => assert.fail('done again')),
      hasCode('conflict'),
    )
    advance(45_001)
    assert.equal((await idempotency.once(first, async () => ({ status: 200, body: 'b' }))).body, 'b')
    assert.equal((await idempotency.once(first, () => assert.fail('done again'))).body, 'b')
  })

  it('is answered with the stored answer, for 24 hours', async (t) => {
    const { idempotency, advance } = await open(t)
    await idempotency.once(first, async () => ({ status: 201, body: '{"id":"x"}' }))
    advance(24 * 3_600_000)
    assert.deepEqual(await idempotency.once(first, () => assert.fail('done again')), {
      status: 201,
      body: '{"id":"x"}',
      repeated: true,
    })
    assert.equal(await idempotency.purge(), 0)
    advance(1)
    assert.equal((await idempotency.once(first, async () => ({ status: 200, body: 'new' }))).body, 'new')
    advance(24 * 3_600_000 + 1)
    assert.equal(await idempotency.purge(), 1)
  })
})
