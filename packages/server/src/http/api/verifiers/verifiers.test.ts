import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createApiUnderTest, tokenFor } from '../../../../../../test/support/api.ts'
import { ServiceError } from '../../../errors.ts'
import type { LeaseRequest } from '../../../revocation/index.ts'

const INSTANCE = 'AAAAAAAAAAAAAAAA'
const PATH = `/v1/verifiers/${INSTANCE}/lease`
const VERIFIER = tokenFor('verify:orders-api')
const BODY = { service: 'orders-api', applied: 3, tag: 'AAAAAAAAAAAAAAAA' }

const withoutId = async (response: Response) => {
  const { request_id: _, instance: __, ...rest } = (await response.json()) as Record<string, unknown>
  return { status: response.status, challenge: response.headers.get('www-authenticate'), ...rest }
}

describe('leases of verifiers', () => {
  it('no token, a token without any verify scope, and a foreign one get none', async () => {
    const { send } = createApiUnderTest()
    assert.equal((await send('POST', PATH, { body: BODY, token: null })).status, 401)
    assert.equal((await send('POST', PATH, { body: BODY, token: 'x' })).status, 401)
    for (const scopes of [[], ['services:write'], ['role:owner'], ['verify'], ['Verify:orders-api']]) {
      assert.equal((await send('POST', PATH, { body: BODY, token: tokenFor(...scopes) })).status, 403)
    }
  })

  it('invariant 8: a service that is another’s and one that does not exist give one answer', async () => {
    const { send } = createApiUnderTest()
    const ask = (service: string, ...scopes: string[]) =>
      send('POST', PATH, { body: { ...BODY, service }, token: tokenFor(...scopes) }).then(withoutId)
    const missing = await ask('orders-api', 'verify:stock-api')
    assert.equal(missing.status, 403)
    assert.deepEqual(missing, await ask('orders-api', 'verify:orders', 'verify:orders-api-2'))
    const unknown = await ask('no-such-api', 'verify:orders-api')
    assert.deepEqual({ ...unknown, detail: '' }, { ...missing, detail: '' })
    assert.deepEqual(unknown, await ask('no-such-api', 'verify:no-such-api'), 'also with the scope of what is gone')
    const named = (answer: typeof unknown) => JSON.stringify(answer).replaceAll(/no-such-api|orders-api/g, 'NAME')
    assert.equal(named(unknown), named(missing), 'but for the name that the caller sent')
  })

  it('the local socket is no workload and verifies for nobody', async () => {
    const { send } = createApiUnderTest()
    assert.equal((await send('POST', PATH, { body: BODY, token: null, listener: 'local-socket' })).status, 403)
    assert.equal((await send('GET', '/v1/revocations', { token: null, listener: 'local-socket' })).status, 200)
  })

  it('a follower is named by its token and its own instance, never by what it says', async () => {
    const asked: LeaseRequest[] = []
    const ended: unknown[] = []
    const { send } = createApiUnderTest({
      leases: {
        grant: async (request) => {
          asked.push(request)
          return { granted: false, reason: 'history_changed' }
        },
        end: async (holder) => void ended.push(holder),
      },
    })
    const accepted = { count: 2, first_at: '2026-11-24T09:00:00.000Z', last_at: '2026-11-24T09:00:01.000Z' }
    const response = await send('POST', PATH, { body: { ...BODY, accepted_without_lease: accepted }, token: VERIFIER })
    assert.deepEqual(await response.json(), { granted: false, reason: 'history_changed' })
    assert.deepEqual(
      [asked[0]?.workloadId, asked[0]?.instance, asked[0]?.service.id],
      ['wl_pipeline', INSTANCE, 'svc_orders'],
    )
    assert.equal(asked[0]?.acceptedWithoutLease?.lastAt.getTime(), Date.parse('2026-11-24T09:00:01Z'))
    const more = { ...BODY, workload_id: 'wl_other' }
    assert.equal((await send('POST', PATH, { body: more, token: VERIFIER })).status, 400)
    assert.equal((await send('DELETE', PATH, { token: VERIFIER })).status, 204)
    assert.deepEqual(ended, [{ workloadId: 'wl_pipeline', instance: INSTANCE }])
    assert.equal((await send('DELETE', PATH, { token: tokenFor('services:write') })).status, 403)
  })

  it('answers with the lease, or with what has not been applied', async () => {
    const { send } = createApiUnderTest()
    const granted = await send('POST', PATH, { body: BODY, token: VERIFIER })
    assert.deepEqual(await granted.json(), {
      granted: true,
      head: 3,
      lease_seconds: 30,
      service_id: 'svc_orders',
      on_unavailable: 'deny',
      max_stale_seconds: 30,
    })
    const behind = await send('POST', PATH, { body: { ...BODY, applied: 1 }, token: VERIFIER })
    const { reason, feed } = (await behind.json()) as { reason: string; feed: { entries: unknown[] } }
    assert.deepEqual([reason, feed.entries.length], ['behind', 1])
  })

  it('an instance that is no random name does not exist', async () => {
    const { send } = createApiUnderTest()
    for (const instance of ['a', 'A'.repeat(65), 'AAAAAAAAAAAAAAA%2f', 'AAAAAAAAAAAAAAA.', '%00'.repeat(16)]) {
      const path = `/v1/verifiers/${instance}/lease`
      assert.equal((await send('POST', path, { body: BODY, token: VERIFIER })).status >= 400, true, instance)
    }
  })

  it('R-08: 10,000 random bodies are refused or granted, and none is a failure', async () => {
    let granted = 0
    const { send, logged } = createApiUnderTest({
      leases: {
        async grant(request) {
          granted += 1
          assert.equal(Number.isSafeInteger(request.applied) && request.applied >= 0, true)
          assert.match(request.tag, /^[A-Za-z0-9_-]{0,64}$/)
          const { acceptedWithoutLease: accepted } = request
          if (accepted) assert.equal(Number.isNaN(accepted.firstAt.getTime() + accepted.lastAt.getTime()), false)
          return { granted: false, reason: 'history_changed' }
        },
        end: async () => {},
      },
    })
    const odd = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.string(),
      fc.constant(null),
      fc.jsonValue(),
      fc.bigInt().map(String),
    )
    const member = <T>(good: fc.Arbitrary<T>) => fc.oneof({ arbitrary: good, weight: 3 }, { arbitrary: odd, weight: 1 })
    const date = fc.oneof(fc.constant('2026-11-24T09:00:00Z'), fc.string())
    const nearly = fc.record(
      {
        service: member(fc.constantFrom('orders-api', 'stock-api', '__proto__', 'ORDERS')),
        applied: member(fc.nat()),
        tag: member(fc.constantFrom('', 'AAAAAAAAAAAAAAAA')),
        accepted_without_lease: member(fc.record({ count: member(fc.nat()), first_at: date, last_at: date })),
      },
      { requiredKeys: [] },
    )
    const bodies = fc.oneof(
      { arbitrary: nearly.map((value) => JSON.stringify(value)), weight: 4 },
      { arbitrary: fc.json(), weight: 1 },
      { arbitrary: fc.string({ unit: 'binary' }), weight: 1 },
    )
    await fc.assert(
      fc.asyncProperty(bodies, async (raw) => {
        const { status } = await send('POST', PATH, { raw, token: VERIFIER })
        assert.equal([200, 400, 403].includes(status), true, `${status}: ${raw}`)
      }),
      { numRuns: 10_000 },
    )
    assert.equal(granted > 100, true, `${granted} of them were good`)
    assert.deepEqual(logged, [])
  })
})

describe('revoking over the API', () => {
  it('refuses what an event cannot hold, and kinds that there are not', async () => {
    const { send } = createApiUnderTest()
    const body = { kind: 'jti', value: 'jti_1', reason: 'leaked' }
    const bad = [
      { ...body, kind: 'key' },
      { ...body, value: '' },
      { ...body, value: 'a\u0000b' },
      { ...body, value: 'x'.repeat(1_025) },
      { ...body, reason: '' },
      { ...body, reason: 'a\nb' },
      { ...body, reason: '\ud800' },
      { ...body, wait_seconds: 61 },
      { ...body, wait_seconds: -1 },
      { ...body, up_to_revision: 1 },
      { kind: 'jti', value: 'jti_1' },
    ]
    for (const one of bad)
      assert.equal((await send('POST', '/v1/revocations', { body: one })).status, 400, JSON.stringify(one))
    const token = tokenFor('trust-policies:write', 'verify:orders-api', 'receipts:read')
    assert.equal((await send('POST', '/v1/revocations', { body, token })).status, 403)
  })

  it('answers with the receipt and where it is, and once for a repeated request', async () => {
    let revoked = 0
    const waits: number[] = []
    const base = createApiUnderTest()
    const { send } = createApiUnderTest({
      revokeCredentials: async () => {
        revoked += 1
        return { receiptId: 'rcpt_1', eventId: 'evt_1', revision: 4, committedAt: new Date() }
      },
      receipts: {
        get: async () => undefined,
        list: async () => ({ items: [], next: null }),
        wake: () => {},
        waitFor: async (_id, waitMs) => {
          waits.push(waitMs)
          const response = await base.send('GET', '/v1/receipts/rcpt_1')
          return (await response.json()) as never
        },
      },
    })
    const body = { kind: 'jti', value: 'jti_1', reason: 'leaked', wait_seconds: 30 }
    const headers = { 'idempotency-key': 'one' }
    const first = await send('POST', '/v1/revocations', { body, headers })
    assert.equal(first.status, 201)
    assert.equal(first.headers.get('location'), '/v1/receipts/rcpt_1')
    const again = await send('POST', '/v1/revocations', { body, headers })
    assert.equal(again.headers.get('idempotent-replay'), 'true')
    assert.deepEqual([revoked, waits], [1, [30_000]])
  })

  it('a receipt that is gone is a failure, never an empty answer', async () => {
    const { send } = createApiUnderTest({
      receipts: {
        get: async () => undefined,
        list: async () => ({ items: [], next: null }),
        wake: () => {},
        waitFor: async () => undefined,
      },
      revokeCredentials: async () => {
        throw new ServiceError('not_found', { detail: 'no jti x is known here' })
      },
    })
    const response = await send('POST', '/v1/revocations', { body: { kind: 'jti', value: 'x', reason: 'r' } })
    assert.equal(response.status, 404)
    assert.match(await response.text(), /no jti x is known here/)
  })
})
