import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { inspect } from 'node:util'
import { CountersignError } from '../errors.ts'
import { follow, makeCredentials, SECRET, type TokenChanges, token, until, withServer } from './follower.fixture.ts'
import { createFollower } from './follower.ts'
import type { LeaseMode, StreamMode } from './revocation-server.fixture.ts'
import type { FollowerOptions } from './types.ts'

const HOUR_MS = 3_600_000

const unavailable = { code: 'revocation_unavailable', retryable: true }

test('invariant 7: a lease is for the tokens of its own service, also where last-known-good would accept them', async (t) => {
  const server = await withServer(t)
  server.onUnavailable = 'last-known-good'
  server.leaseSeconds = 3
  const { follower } = follow(t, server, { stream: false })
  await follower.ready()
  // Of another service, whose own verifiers may have to be stricter, or of another server: both have other ids.
  const foreign = token('good', { cs: { svc: 'svc_other' } })
  const refused = { code: 'token_not_revocable', message: /another service/ }
  assert.throws(() => follower.checkSync(foreign), refused)
  await assert.rejects(follower.check(foreign), refused)
  server.commit({ kind: 'service', value: 'svc_other' })
  await until(() => follower.state().applied === 1)
  assert.equal(follower.checkSync(foreign), 'revoked')
  assert.equal(follower.checkSync(token()), 'accepted')
})

test('V-20: before there is a lease nothing is accepted: deny until told otherwise', async (t) => {
  const server = await withServer(t)
  server.onUnavailable = 'last-known-good'
  server.lease = 503
  const { follower } = follow(t, server)
  assert.equal(follower.checkSync(token()), undefined)
  await assert.rejects(follower.check(token()), unavailable)
  await assert.rejects(follower.ready({ timeoutMs: 50 }), unavailable)
  assert.equal(follower.state().onUnavailable, 'deny')
})

test('invariant 1: a token that lacks what revocations go by is token_not_revocable, with a lease too', async (t) => {
  const server = await withServer(t)
  const { follower } = follow(t, server)
  await follower.ready()
  const missing: TokenChanges[] = [
    ...['jti', 'sub', 'client_id', 'iat', 'exp', 'cs'].map((name) => ({ claims: { [name]: undefined } })),
    ...['pol', 'tp', 'svc', 'rev'].map((name) => ({ cs: { [name]: undefined } })),
    { kid: undefined },
    { claims: { jti: 5 } },
    { claims: { jti: '' } },
    { claims: { cs: [] } },
    { claims: { cs: 'x' } },
    { claims: { act: 'x' } },
    { claims: { act: { sub: 5 } } },
    { claims: { act: { sub: 'a', act: null } } },
    { claims: { act: { sub: 'a', client_id: 7 } } },
    { cs: { tp: [] } },
    { cs: { tp: [1] } },
    { cs: { tp: 'tp_a' } },
    { cs: { rev: '5' } },
    { cs: { rev: -1 } },
    { cs: { rev: 1.5 } },
    { cs: { root: 5 } },
  ]
  for (const changes of missing) {
    assert.throws(() => follower.checkSync(token('good', changes)), { code: 'token_not_revocable' }, inspect(changes))
    await assert.rejects(follower.check(token('good', changes)), { code: 'token_not_revocable' }, inspect(changes))
  }
  assert.equal(follower.checkSync(token()), 'accepted')
})

test('invariant 7: each kind of revocation ends the tokens that it names, and no others', async (t) => {
  const server = await withServer(t)
  const { follower } = follow(t, server)
  await follower.ready()
  const upTo = { up_to_revision: 5 }
  const cases: [string, Record<string, unknown>, TokenChanges, TokenChanges][] = [
    ['jti', { value: 'x-jti', up_to_revision: 0 }, { claims: { jti: 'x-jti' } }, {}],
    ['jti', { value: 'x-root' }, { cs: { root: 'x-root' } }, { cs: { root: 'other' } }],
    ['signing_key', { value: 'x-kid', up_to_revision: 0 }, { kid: 'x-kid', cs: { rev: 9 } }, {}],
    // Pinned under a name of the operator's own: the server knows the key by its thumbprint.
    ['signing_key', { value: 'x-thumbprint' }, { kid: 'pinned', keyThumbprint: 'x-thumbprint' }, { kid: 'pinned' }],
    [
      'subject',
      { value: 'x-sub', ...upTo },
      { claims: { sub: 'x-sub' } },
      { claims: { sub: 'x-sub' }, cs: { rev: 6 } },
    ],
    ['subject', { value: 'x-actor', ...upTo }, { claims: { act: { sub: 'a', act: { sub: 'x-actor' } } } }, {}],
    [
      'workload',
      { value: 'wl_x', ...upTo },
      { claims: { client_id: 'wl_x' } },
      { claims: { client_id: 'wl_x' }, cs: { rev: 6 } },
    ],
    ['workload', { value: 'wl_act', ...upTo }, { claims: { act: { sub: 'a', client_id: 'wl_act' } } }, {}],
    ['policy', { value: 'pol_x', ...upTo }, { cs: { pol: 'pol_x' } }, { cs: { pol: 'pol_x', rev: 6 } }],
    ['provider', { value: 'tp_x', ...upTo }, { cs: { tp: ['tp_a', 'tp_x'] } }, { cs: { tp: ['tp_x'], rev: 6 } }],
    ['policy', { value: 'pol_all', up_to_revision: null }, { cs: { pol: 'pol_all', rev: 999 } }, {}],
    [
      'issued_before',
      { value: '2027-01-15T08:00:00.000Z', issued_before: '2027-01-15T08:00:00.000Z' },
      { claims: { iat: 1_799_999_999 } },
      { claims: { iat: 1_800_000_000 } },
    ],
    // Last, since it ends all of the others.
    ['service', { value: 'svc_a', ...upTo }, {}, { cs: { rev: 6 } }],
  ]
  for (const [kind, entry, ended, other] of cases) {
    assert.equal(follower.checkSync(token('good', ended)), 'accepted', kind)
    const revision = server.commit({ kind, ...entry })
    await until(() => follower.state().applied === revision, kind)
    assert.equal(follower.checkSync(token('good', ended)), 'revoked', kind)
    assert.equal(await follower.check(token('good', ended)), 'revoked', kind)
    assert.equal(follower.checkSync(token('good', other)), 'accepted', kind)
  }
})

test('T23: of several revocations of one value the strictest wins, in whatever order they come', async (t) => {
  const server = await withServer(t)
  server.commit({ kind: 'policy', value: 'pol_a', up_to_revision: 8 })
  server.commit({ kind: 'policy', value: 'pol_a', up_to_revision: 3 })
  server.commit({ kind: 'subject', value: 'nobody', up_to_revision: 100 })
  const { follower } = follow(t, server)
  await follower.ready()
  assert.equal(follower.checkSync(token()), 'revoked')
  assert.equal(follower.checkSync(token('good', { cs: { rev: 8 } })), 'revoked')
  assert.equal(follower.checkSync(token('good', { cs: { rev: 9 } })), 'accepted')
})

test('a token that expires where revocations have been deleted counts as revoked, whatever the clock says', async (t) => {
  const server = await withServer(t)
  server.expiredUpTo = '2026-06-01T00:00:00.000Z'
  server.commit()
  const { follower } = follow(t, server)
  await follower.ready()
  const at = Date.parse(server.expiredUpTo) / 1000
  assert.equal(follower.checkSync(token('good', { claims: { exp: at } })), 'revoked')
  assert.equal(follower.checkSync(token('good', { claims: { exp: at + 1 } })), 'accepted')
})

test('a log of many pages is applied whole before there is a lease', async (t) => {
  const server = await withServer(t)
  server.pageSize = 3
  for (let index = 0; index < 20; index++) server.commit({ value: `jti-${index}` }, { value: `twin-${index}` })
  const { follower } = follow(t, server, { stream: false })
  await follower.ready()
  assert.equal(follower.state().applied, 20)
  for (let index = 0; index < 20; index++) {
    assert.equal(follower.checkSync(token(`jti-${index}`)), 'revoked')
    assert.equal(follower.checkSync(token(`twin-${index}`)), 'revoked')
  }
})

test('the server hears what has been applied, and never under another name', async (t) => {
  const server = await withServer(t)
  const { follower } = follow(t, server)
  await follower.ready()
  const revision = server.commit({})
  await until(() => server.leases.get(follower.state().instance)?.applied === revision)
  assert.match(follower.state().instance, /^[A-Za-z0-9_-]{16,64}$/)
  assert.equal(server.leases.size, 1)
  for (const { authorization, body } of server.asked) {
    assert.equal(authorization, `Bearer ${SECRET}-cached`)
    if (body) assert.equal(body['service'], 'orders-api')
  }
})

// The feed cut, buffered, truncated, forged: the stream only hastens.
for (const mode of [
  'off',
  'cut',
  'replay',
  'truncated',
  'garbage',
  'not-utf8',
  'huge',
  'forged',
  'html',
  503,
] satisfies StreamMode[]) {
  test(`invariant 7: with an event stream that is "${mode}", a revocation is refused with the next lease, and nothing is accepted instead`, async (t) => {
    const server = await withServer(t)
    server.leaseSeconds = 0.4
    server.stream = mode
    server.commit({ value: 'earlier' })
    const { follower } = follow(t, server)
    await follower.ready()
    assert.equal(follower.checkSync(token('earlier')), 'revoked')
    const revision = server.commit({})
    await until(() => follower.checkSync(token('gone')) === 'revoked')
    await until(() => server.leases.get(follower.state().instance)?.applied === revision)
    assert.equal(follower.checkSync(token('earlier')), 'revoked')
    await until(() => follower.checkSync(token()) === 'accepted')
  })
}

test('invariant 7: a forged stream that claims a later head makes no lease out of what is not applied', async (t) => {
  const server = await withServer(t)
  server.stream = 'forged'
  const { follower } = follow(t, server)
  await follower.ready()
  await until(() => server.asked.some(({ path }) => path.startsWith('/v1/revocations')))
  const revision = server.commit({})
  await until(() => follower.state().applied === revision)
  assert.equal(follower.checkSync(token('gone')), 'revoked')
  for (const { body } of server.asked) if (body) assert.ok(Number(body['applied']) <= revision)
})

test('a proxy that repeats old events causes no storm of requests', async (t) => {
  const server = await withServer(t)
  server.commit({ value: 'a' })
  server.commit({ value: 'b' })
  server.stream = 'replay'
  const { follower } = follow(t, server)
  await follower.ready()
  for (let round = 0; round < 5; round++) {
    server.cutStreams()
    await pause(60)
  }
  const leases = server.asked.filter(({ method }) => method === 'POST').length
  assert.ok(leases <= 2 + 2 * server.asked.filter(({ method }) => method === 'GET').length, `${leases} requests`)
})

test('a stream that is cut is opened again, from what has been applied', async (t) => {
  const server = await withServer(t)
  server.commit({ value: 'a' })
  const made = follow(t, server)
  await made.follower.ready()
  await until(() => made.follower.state().streaming)
  const reopened = made.happened('stream_opened')
  server.cutStreams()
  await reopened
  const last = server.asked.filter(({ path }) => path.startsWith('/v1/revocations')).at(-1)
  assert.equal(last?.path, '/v1/revocations?after=1')
  assert.equal(made.follower.checkSync(token()), 'accepted')
})

// The server fails: within the lease verification goes on, after it nothing is accepted, and it recovers by itself.
for (const mode of [
  'hang',
  'reset',
  'redirect',
  'garbage',
  'huge',
  403,
  429,
  500,
  503,
  'unauthorized',
] satisfies LeaseMode[]) {
  test(`V-20: a server that answers with "${mode}": accepted within the lease, refused after it, and again by itself`, async (t) => {
    const server = await withServer(t)
    server.leaseSeconds = 0.4
    const { follower, events, happened } = follow(t, server, { timeoutMs: 150 })
    await follower.ready()
    server.lease = mode
    const failed = happened('renewal_failed')
    assert.equal(follower.checkSync(token()), 'accepted')
    const event = await failed
    if (typeof mode === 'number') assert.ok(event.type === 'renewal_failed' && event.status === mode)
    await until(() => !follower.state().holdsLease)
    assert.equal(follower.checkSync(token()), undefined)
    await assert.rejects(follower.check(token()), unavailable)
    await until(() => events.some(({ type }) => type === 'lease_lost'))
    // Whatever is known goes on being refused.
    server.commit({})
    const again = happened('lease_gained')
    server.lease = 'good'
    await again
    assert.equal(await follower.check(token()), 'accepted')
    assert.equal(follower.checkSync(token('gone')), 'revoked')
  })
}

test('V-20: a server that is down: accepted within the lease, refused after it, and again by itself when it is up', async (t) => {
  const server = await withServer(t)
  server.leaseSeconds = 0.4
  const { follower, happened } = follow(t, server)
  await follower.ready()
  await server.stop()
  assert.equal(follower.checkSync(token()), 'accepted')
  await until(() => !follower.state().holdsLease)
  await assert.rejects(follower.check(token()), unavailable)
  const again = happened('lease_gained')
  await server.start()
  await again
  assert.equal(await follower.check(token()), 'accepted')
})

test('without a lease however many tokens wait for one request, and a failure is remembered', async (t) => {
  const server = await withServer(t)
  server.lease = 'hang'
  const { follower } = follow(t, server, { stream: false, timeoutMs: 200 })
  const asked = () => server.asked.filter(({ method }) => method === 'POST').length
  const results = await Promise.allSettled(Array.from({ length: 500 }, () => follower.check(token())))
  assert.ok(results.every(({ status }) => status === 'rejected'))
  assert.equal(asked(), 1)
  for (let index = 0; index < 100; index++) await assert.rejects(follower.check(token()), unavailable)
  assert.ok(asked() <= 2, `${asked()} requests`)
})

test('a token that comes without a lease gets one: the verification waits for it', async (t) => {
  const server = await withServer(t)
  server.commit({})
  const { follower } = follow(t, server, { stream: false })
  assert.equal(await follower.check(token()), 'accepted')
  assert.equal(await follower.check(token('gone')), 'revoked')
})

test('credentials that are no longer accepted are asked for afresh, once', async (t) => {
  const server = await withServer(t)
  server.lease = 'unauthorized'
  const { follower, credentials, happened } = follow(t, server, { stream: false })
  const failed = await happened('renewal_failed')
  assert.ok(failed.type === 'renewal_failed' && failed.status === 401)
  assert.deepEqual(credentials.asked, [{ fresh: false }, { fresh: true }])
  assert.deepEqual(
    server.asked.map(({ authorization }) => authorization),
    [`Bearer ${SECRET}-cached`, `Bearer ${SECRET}-fresh`],
  )
  server.lease = 'good'
  await follower.ready()
})

test('credentials that fail, or are bound to a key, are a failed renewal and no rejection of anything else', async (t) => {
  const server = await withServer(t)
  const failing = follow(t, server, {
    credentials: {
      async token() {
        throw new CountersignError('no_proof')
      },
    },
  })
  const failed = await failing.happened('renewal_failed')
  assert.ok(failed.type === 'renewal_failed' && failed.error.code === 'no_proof')
  const bound = follow(t, server, {
    credentials: { token: async () => ({ ...(await makeCredentials().token()), tokenType: 'DPoP' }) },
  })
  const refused = await bound.happened('renewal_failed')
  assert.ok(refused.type === 'renewal_failed' && refused.error.code === 'configuration_invalid')
  assert.equal(server.asked.length, 0)
})

test('invariant 7: a grant that arrives late counts from when it was asked for', async (t) => {
  const server = await withServer(t)
  server.leaseSeconds = 0.4
  server.lease = 'late'
  const { follower, events } = follow(t, server, { stream: false, timeoutMs: 5_000 })
  await until(() => server.leases.size > 0)
  await pause(450)
  server.commit({})
  server.release()
  await until(() => events.some(({ type }) => type === 'renewal_failed'))
  assert.equal(follower.checkSync(token('gone')), undefined)
  assert.equal(follower.state().holdsLease, false)
})

for (const [name, moveMs] of [
  ['ahead', HOUR_MS],
  ['back', -HOUR_MS],
] as const) {
  test(`invariant 7: a clock that is moved an hour ${name} ends the lease, and a new one is asked for`, async (t) => {
    const server = await withServer(t)
    let movedMs = 0
    const { follower } = follow(t, server, { stream: false, now: () => new Date(Date.now() + movedMs), timeoutMs: 200 })
    await follower.ready()
    server.lease = 'hang'
    movedMs = moveMs
    assert.equal(follower.checkSync(token()), undefined)
    movedMs = 0
    // Once seen to be over, it stays over.
    assert.equal(follower.checkSync(token()), undefined)
    await assert.rejects(follower.check(token()), unavailable)
    movedMs = moveMs
    server.lease = 'good'
    await follower.ready()
    assert.equal(follower.checkSync(token()), 'accepted')
  })
}

test('invariant 7: the monotonic clock alone ends the lease when the wall clock stands still', async (t) => {
  const server = await withServer(t)
  const now = new Date()
  let monotonicMs = 0
  const { follower } = follow(t, server, { stream: false, now: () => now, monotonicMs: () => monotonicMs })
  await follower.ready()
  server.lease = 503
  monotonicMs = 29_699
  assert.equal(follower.checkSync(token()), 'accepted')
  monotonicMs = 29_700
  assert.equal(follower.checkSync(token()), undefined)
})

test('V-20: last-known-good accepts without a lease what is not known to be revoked, and tells the server of each', async (t) => {
  const server = await withServer(t)
  server.leaseSeconds = 0.4
  server.onUnavailable = 'last-known-good'
  server.commit({})
  const { follower, events } = follow(t, server, { stream: false })
  await follower.ready()
  server.lease = 503
  await until(() => !follower.state().holdsLease)
  assert.equal(follower.checkSync(token()), undefined)
  assert.equal(await follower.check(token('one')), 'accepted')
  assert.equal(await follower.check(token('two')), 'accepted')
  assert.equal(await follower.check(token('gone')), 'revoked')
  assert.equal(follower.state().acceptedWithoutLease, 2)
  const told = events.filter((event) => event.type === 'accepted_without_lease')
  assert.deepEqual(
    told.map(({ tokenId }) => tokenId),
    ['one', 'two'],
  )
  server.lease = 'good'
  await follower.ready()
  const reports = () =>
    server.asked.flatMap(
      ({ body }) => (body?.['accepted_without_lease'] as { count: number; first_at: string; last_at: string }) ?? [],
    )
  const report = reports().at(-1)
  assert.equal(report?.count, 2)
  assert.ok(Date.parse(report.first_at) <= Date.parse(report.last_at))
  // It was heard, so it is not told again.
  const heard = reports().length
  const asked = server.asked.length
  await until(() => server.asked.length > asked + 1)
  assert.equal(reports().length, heard)
})

test('V-20: an option makes last-known-good stricter, and nothing makes deny weaker', async (t) => {
  const server = await withServer(t)
  server.leaseSeconds = 0.4
  server.onUnavailable = 'last-known-good'
  const strict = follow(t, server, { onUnavailable: 'deny', stream: false })
  await strict.follower.ready()
  server.onUnavailable = 'whatever'
  const unknown = follow(t, server, { stream: false })
  await unknown.follower.ready()
  assert.equal(unknown.follower.state().onUnavailable, 'deny')
  server.lease = 503
  for (const { follower } of [strict, unknown]) {
    await until(() => !follower.state().holdsLease)
    await assert.rejects(follower.check(token()), unavailable)
    assert.equal(follower.state().acceptedWithoutLease, 0)
  }
})

test('a restored database is read again from the start, and what was known stays revoked', async (t) => {
  const server = await withServer(t)
  server.leaseSeconds = 0.4
  server.commit({ value: 'kept' })
  server.commit({ value: 'lost' })
  const { follower, happened } = follow(t, server)
  await follower.ready()
  const changed = happened('history_changed')
  server.restore(1)
  server.commit({ value: 'newer' })
  server.commit({ value: 'newest' })
  await changed
  // At the follower, not at the server: that it has granted does not say that its answer has come.
  await until(() => follower.state().applied === 3 && follower.state().holdsLease)
  assert.equal(server.leases.get(follower.state().instance)?.applied, 3)
  for (const jti of ['kept', 'lost', 'newer', 'newest']) assert.equal(follower.checkSync(token(jti)), 'revoked', jti)
  assert.equal(follower.checkSync(token()), 'accepted')
})

test('two databases that answer in turn are no history: no lease, and no storm', async (t) => {
  const server = await withServer(t)
  server.commit({})
  const contrary: typeof fetch = async (_, init) => {
    const { applied } = JSON.parse(String(init?.body)) as { applied: number }
    const feed = {
      after: 0,
      through: 1,
      tag: 'x',
      head: 1,
      expired_up_to: '1970-01-01T00:00:00.000Z',
      entries: [],
      more: false,
    }
    return Response.json(
      applied === 0 ? { granted: false, reason: 'behind', feed } : { granted: false, reason: 'history_changed' },
    )
  }
  let calls = 0
  const { follower, happened } = follow(t, server, {
    stream: false,
    fetch: (...given) => {
      calls++
      return contrary(...given)
    },
  })
  const failed = await happened('renewal_failed')
  assert.ok(failed.type === 'renewal_failed' && failed.error.code === 'response_refused')
  assert.ok(calls < 10)
  assert.equal(follower.state().holdsLease, false)
})

test('close ends the lease at the server, and nothing is accepted afterwards', async (t) => {
  const server = await withServer(t)
  const { follower } = follow(t, server)
  await follower.ready()
  const ended = follower.close()
  assert.equal(follower.checkSync(token()), undefined)
  await ended
  assert.equal(server.leases.size, 0)
  await assert.rejects(follower.check(token()), unavailable)
  await assert.rejects(follower.ready(), unavailable)
  const asked = server.asked.length
  await follower.close()
  await pause(50)
  assert.equal(server.asked.length, asked)
})

test('close does not wait for a server that hangs, and an answer that is under way makes no lease', async (t) => {
  const server = await withServer(t)
  server.lease = 'late'
  const { follower } = follow(t, server)
  await until(() => server.leases.size > 0)
  const ended = follower.close()
  server.release()
  server.lease = 'hang'
  await ended
  assert.equal(follower.checkSync(token()), undefined)
})

test('V-21: no event holds a token, and a callback that throws harms nothing', async (t) => {
  const server = await withServer(t)
  server.leaseSeconds = 0.4
  server.stream = 'garbage'
  const { follower, events } = follow(t, server)
  await follower.ready()
  server.lease = 'garbage'
  await until(() => events.some(({ type }) => type === 'lease_lost'))
  assert.doesNotMatch(inspect(events, { depth: 10 }), /c4n4ry/)
  assert.doesNotMatch(JSON.stringify(events), /c4n4ry/)
  const warned = new Promise((resolve) => process.once('warning', resolve))
  const throwing = follow(t, server, {
    onEvent: () => {
      throw new Error('of the application')
    },
  })
  await warned
  server.lease = 'good'
  await throwing.follower.ready()
})

test('options that cannot be used are refused, naming the option', () => {
  const good = { server: 'https://sts.example', service: 'orders-api', credentials: makeCredentials() }
  const bad: Record<string, unknown>[] = [
    { server: 'http://sts.example' },
    { server: 'https://user:password@sts.example' },
    { server: 'https://sts.example?x=1' },
    { server: '' },
    { server: undefined },
    { service: '' },
    { service: '../orders' },
    { service: 'Orders' },
    { service: undefined },
    { credentials: undefined },
    { credentials: {} },
    { snapshotFile: '' },
    { snapshotFile: 5 },
    { onUnavailable: 'last-known-good' },
    { timeoutMs: 0 },
    { timeoutMs: Number.POSITIVE_INFINITY },
  ]
  for (const changes of bad) {
    const [name = ''] = Object.keys(changes)
    assert.throws(
      () => createFollower({ ...good, ...changes } as FollowerOptions),
      (error) =>
        error instanceof CountersignError && error.code === 'configuration_invalid' && error.message.includes(name),
      inspect(changes),
    )
  }
})
