import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { createTokenVerifier } from '@countersign/sdk'
import { sql } from 'kysely'
import {
  AUDIENCE,
  createProofIssuer,
  ISSUER,
  openExchange,
  policyResource,
  providerResource,
  serviceResource,
} from './exchange.fixture.ts'
import type { ExchangeResult } from './exchange.ts'

interface OurClaims {
  readonly sub: string
  readonly client_id: string
  readonly scope: string
  readonly aud: string
  readonly iat: number
  readonly exp: number
  readonly cs: { readonly pol: string; readonly tp: readonly string[]; readonly svc: string; readonly rev: number }
}

function refused(result: ExchangeResult, code: string): string {
  assert.ok(!result.ok, 'the exchange was allowed')
  assert.equal(result.code, code)
  return result.errorId
}

function allowed(result: ExchangeResult): ExchangeResult & { ok: true } {
  assert.ok(result.ok, result.ok ? '' : `refused: ${result.code}`)
  return result
}

const decode = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

test('refuses a proof that was exchanged before, and records the refusal (S-07, T11)', async (t) => {
  const { exchange, issuer, eventLog } = await openExchange(t)
  const proof = issuer.sign()
  allowed(await exchange(proof))
  const event = await eventLog.get(refused(await exchange(proof), 'replayed'))
  assert.equal(event?.outcome, 'denied')
})

test('of 50 parallel uses of one proof in two processes exactly one succeeds (T9, T10)', async (t) => {
  const { exchange, issuer, secondProcess } = await openExchange(t)
  const other = await secondProcess()
  const proof = issuer.sign()
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? exchange : other)(proof, {}, undefined)),
  )
  assert.equal(results.filter((result) => result.ok).length, 1)
})

test('an ECDSA proof with its signature negated is the same proof, and is refused (T11)', async (t) => {
  const { exchange, issuer } = await openExchange(t, {
    alg: 'ES256',
    resources: (by) => [providerResource(by, 'github', { preset: 'oidc' }), serviceResource(), policyResource()],
  })
  const proof = issuer.sign()
  allowed(await exchange(proof))
  const [header = '', payload = '', signature = ''] = proof.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  Buffer.from(s.toString(16).padStart(64, '0'), 'hex').copy(bytes, 32)
  refused(await exchange(`${header}.${payload}.${bytes.toString('base64url')}`), 'replayed')
})

test('one proof counts once, though two providers of its issuer accept it (invariant 2)', async (t) => {
  const { exchange, issuer, setResources } = await openExchange(t)
  const proof = issuer.sign()
  allowed(await exchange(proof))
  setResources([
    providerResource(issuer, 'second'),
    serviceResource(),
    policyResource('deploy', { provider: 'second' }),
  ])
  refused(await exchange(proof), 'replayed')
})

test('two providers that both accept a proof are a denial, not a choice', async (t) => {
  const { exchange, issuer } = await openExchange(t, {
    resources: (by) => [providerResource(by), providerResource(by, 'twin'), serviceResource(), policyResource()],
  })
  refused(await exchange(issuer.sign()), 'ambiguous_provider')
})

test('an issuer that nobody registered causes no connection (T4, J-10)', async (t) => {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const { exchange, issuer } = await openExchange(t)
  for (const iss of [
    `http://127.0.0.1:${port}`,
    `http://127.0.0.1:${port}?https://github.acme.example/_services/token`,
  ]) {
    assert.match(refused(await exchange(issuer.sign({ iss })), 'proof_unknown_issuer'), /^ref_/)
  }
  assert.equal(connections, 0)
})

test('strangers, other audiences, bad signatures and stale proofs end before any event (design section 5)', async (t) => {
  const { clock, database, exchange, issuer } = await openExchange(t)
  const before = await database.read.selectFrom('events').select('id').execute()
  const seconds = Math.floor(clock.now.getTime() / 1000)
  const cases: readonly (readonly [string, string])[] = [
    [issuer.sign({ repository_owner_id: '666' }), 'proof_stranger'],
    [issuer.sign({ aud: 'https://github.com/acme' }), 'proof_wrong_audience'],
    [createProofIssuer(() => clock.now).sign(), 'proof_unknown_key'],
    [`${issuer.sign().slice(0, -6)}AAAAAA`, 'proof_bad_signature'],
    [issuer.sign({ iat: seconds - 900, exp: seconds - 600 }), 'proof_expired'],
    [issuer.sign({ iat: seconds + 120, nbf: seconds + 120 }), 'proof_not_yet_valid'],
    ['not a token', 'proof_malformed'],
    ['', 'proof_malformed'],
  ]
  for (const [proof, code] of cases) assert.match(refused(await exchange(proof), code), /^ref_/, code)
  assert.equal((await database.read.selectFrom('events').select('id').execute()).length, before.length)
})

test('early refusals become one summary event and can be found by their id', async (t) => {
  const { exchange, eventLog, issuer, refusals } = await openExchange(t)
  const ids: string[] = []
  for (let count = 0; count < 25; count += 1)
    ids.push(refused(await exchange(issuer.sign({ repository_owner_id: '1' })), 'proof_stranger'))
  await refusals.flush()
  const { items } = await eventLog.list({ limit: 10, kind: 'exchange.refused_early' })
  assert.equal(items.length, 1)
  assert.deepEqual(items[0]?.data['counts'], [{ code: 'proof_stranger', count: 25, provider: 'tp_github' }])
  assert.equal((await refusals.find(ids[0] ?? ''))?.code, 'proof_stranger')
})

test('an unknown audience and a policy that does not match give the same OAuth error (S-02)', async (t) => {
  const { exchange, issuer, eventLog } = await openExchange(t)
  const unknown = refused(await exchange(issuer.sign(), { targets: ['https://nobody.example'] }), 'unknown_audience')
  const unmatched = refused(await exchange(issuer.sign({ ref: 'refs/heads/feature' })), 'no_matching_policy')
  assert.equal((await eventLog.get(unknown))?.outcome, 'denied')
  const event = await eventLog.get(unmatched)
  assert.deepEqual(event?.data['first_failing'], { claim: 'ref', outcome: 'different' })
})

test('grants no scope that the policy does not hold, and nothing wider in silence (S-04)', async (t) => {
  const { exchange, issuer } = await openExchange(t)
  refused(await exchange(issuer.sign(), { scopes: ['orders:read'] }), 'scope_not_granted')
  refused(await exchange(issuer.sign(), { scopes: ['orders:deploy', 'orders:read'] }), 'scope_not_granted')
  assert.deepEqual(allowed(await exchange(issuer.sign(), { scopes: ['orders:deploy'] })).scopes, ['orders:deploy'])
})

test('two audiences of different services are refused together, though each alone would do', async (t) => {
  const { exchange, issuer } = await openExchange(t)
  refused(await exchange(issuer.sign(), { targets: [AUDIENCE, 'https://nobody.example'] }), 'unknown_audience')
})

test('a token of ours is no proof: it cannot renew itself (S-09)', async (t) => {
  const { exchange, issuer } = await openExchange(t)
  const { accessToken } = allowed(await exchange(issuer.sign()))
  for (let round = 0; round < 10; round += 1) refused(await exchange(accessToken), 'proof_unknown_issuer')
})

test('a pull request into a write scope is refused, even when a policy matches everything else (T21)', async (t) => {
  const { exchange, issuer } = await openExchange(t, {
    resources: (by) => [
      providerResource(by),
      serviceResource(),
      policyResource('deploy', { match: { repository_id: '456789' } }),
    ],
  })
  refused(await exchange(issuer.sign({ event_name: 'pull_request_target' })), 'dangerous_proof')
  refused(await exchange(issuer.sign({ event_name: 'pull_request' })), 'dangerous_proof')
})

test('no token without a durable event: when the log refuses, nothing is issued (invariant 3, A-01, S-03)', async (t) => {
  const { database, exchange, issuer } = await openExchange(t)
  await database
    .transaction(async (tx) => {
      await sql`ALTER TABLE pending_events RENAME TO pending_events_gone`.execute(tx)
    })
    .catch(() => undefined)
  const gone = await database.read
    .selectFrom('pending_events')
    .select('seq')
    .execute()
    .then(
      () => false,
      () => true,
    )
  if (!gone) return t.skip('the serving role may not change the schema, so the log cannot be broken from here')
  await assert.rejects(exchange(issuer.sign()))
  assert.equal((await database.read.selectFrom('issuances').select('jti').execute()).length, 0)
  await database.transaction((tx) => sql`ALTER TABLE pending_events_gone RENAME TO pending_events`.execute(tx))
})

test('a process whose heartbeat has lapsed signs nothing; what it had committed is marked and revoked (G-06)', async (t) => {
  const { clock, database, exchange, issuer } = await openExchange(t)
  clock.maySign = false
  refused(await exchange(issuer.sign()), 'store_unavailable')
  const [issuance] = await database.read.selectFrom('issuances').select('jti').execute()
  const [unsigned] = await database.read.selectFrom('unsigned_issuances').select('jti').execute()
  const [revoked] = await database.read.selectFrom('revocations').select(['kind', 'value']).execute()
  assert.ok(issuance)
  assert.equal(unsigned?.jti, issuance.jti)
  assert.deepEqual(revoked, { kind: 'jti', value: issuance.jti })
})

test('decides on what is in force when the proof has verified: a provider or policy disabled meanwhile admits nobody', async (t) => {
  const { exchange, issuer, setResources } = await openExchange(t)
  const all = [providerResource(issuer), serviceResource(), policyResource()] as const
  for (const [disabled, code] of [
    [0, 'proof_unknown_issuer'],
    [2, 'no_matching_policy'],
  ] as const) {
    setResources(all)
    const pending = exchange(issuer.sign())
    // While the proof is being verified, e.g. because keys are fetched.
    setResources(all.map((resource, index) => (index === disabled ? { ...resource, enabled: false } : resource)))
    refused(await pending, code)
  }
})

test('refuses when it has not seen the revision log for 5 s: it would not know what was revoked', async (t) => {
  const { clock, exchange, issuer } = await openExchange(t)
  clock.headAgeMs = 5_001
  refused(await exchange(issuer.sign()), 'store_unavailable')
})

test('limits the rate of an address, of a provider and of a workload apart (S-13)', async (t) => {
  const { clock, exchange, issuer } = await openExchange(t, {
    limits: { perAddressPerSecond: 2, perWorkloadPerSecond: 3 },
  })
  for (let count = 0; count < 2; count += 1) allowed(await exchange(issuer.sign(), {}, '192.0.2.1'))
  refused(await exchange(issuer.sign(), {}, '192.0.2.1'), 'overloaded')
  allowed(await exchange(issuer.sign(), {}, '192.0.2.2'))
  refused(await exchange(issuer.sign(), {}, '192.0.2.3'), 'overloaded')
  clock.monotonicMs += 1_000
  allowed(await exchange(issuer.sign(), {}, '192.0.2.1'))
})

/** The proof with another signature: well-formed, and nobody's. */
function forge(proof: string): string {
  const [header, payload, signature = ''] = proof.split('.')
  return `${header}.${payload}.${Buffer.alloc(Buffer.from(signature, 'base64url').length, 7).toString('base64url')}`
}

test('forged proofs from many addresses cost little and keep no valid proof out (S-13)', async (t) => {
  const { exchange, issuer } = await openExchange(t, { limits: { perProviderPerSecond: 100 } })
  const forged = forge(issuer.sign())
  const codes: string[] = []
  for (let round = 0; round < 10; round += 1) {
    for (let host = 0; host < 20; host += 1) {
      const result = await exchange(forged, {}, `192.0.2.${host}`)
      codes.push(result.ok ? 'allowed' : result.code)
    }
  }
  const verified = codes.filter((code) => code === 'proof_bad_signature').length
  assert.ok(verified <= 10 + 20 * 3, `${verified} of 200 cost signature work`)
  assert.equal(codes.filter((code) => code === 'overloaded').length, 200 - verified)
  for (let count = 0; count < 20; count += 1) allowed(await exchange(issuer.sign(), {}, '198.51.100.1'))
})

test('however many addresses send them, a provider verifies no more proofs than its rate (S-13)', async (t) => {
  const { clock, exchange, issuer } = await openExchange(t, { limits: { perProviderPerSecond: 20 } })
  const forged = forge(issuer.sign())
  let verified = 0
  for (let host = 0; host < 60; host += 1) {
    const result = await exchange(forged, {}, `192.0.2.${host}`)
    if (!result.ok && result.code === 'proof_bad_signature') verified += 1
  }
  assert.equal(verified, 20)
  clock.monotonicMs += 1_000
  allowed(await exchange(issuer.sign(), {}, '198.51.100.1'))
})

test('a proof that one of two providers knows is no refused proof of the other', async (t) => {
  const { exchange, issuer } = await openExchange(t, {
    limits: { perProviderPerSecond: 100 },
    resources: (by) => [
      providerResource(by, 'other', { require: { repository_owner_id: '999' } }),
      providerResource(by),
      serviceResource(),
      policyResource(),
    ],
  })
  for (let count = 0; count < 40; count += 1) allowed(await exchange(issuer.sign(), {}, '192.0.2.1'))
})

test('one valid token cannot fill the log: after ten denials in a minute it is refused before signature work', async (t) => {
  const { clock, database, exchange, issuer } = await openExchange(t)
  const proof = issuer.sign({ ref: 'refs/heads/feature' })
  for (let count = 0; count < 11; count += 1) refused(await exchange(proof), 'no_matching_policy')
  for (let count = 0; count < 5; count += 1) refused(await exchange(proof), 'too_many_denials')
  const denied = await database.read.selectFrom('events').select('id').where('outcome', '=', 'denied').execute()
  assert.equal(denied.length, 11)
  clock.monotonicMs += 60_000
  refused(await exchange(proof), 'no_matching_policy')
})

test('the token is RFC 9068 with our claims, verifies with the SDK, and lives no longer than any limit (S-05)', async (t) => {
  const { clock, exchange, issuer, keyRing } = await openExchange(t, {
    resources: (by) => [providerResource(by, 'github', { maxTtl: '10m' }), serviceResource(), policyResource()],
  })
  const result = allowed(await exchange(issuer.sign()))
  assert.equal(result.expiresInSeconds, 600)
  const verifier = createTokenVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    jwks: keyRing.jwks(),
    now: () => clock.now,
  })
  const { header, claims } = await verifier.verify(result.accessToken)
  assert.equal(header.typ, 'at+jwt')
  const { sub, client_id: clientId, scope, cs, iat, exp, aud } = claims as unknown as OurClaims
  assert.match(sub, /^countersign:\/\/sts\.acme\.example\/workload\/tp_github\//)
  assert.match(clientId, /^wl_/)
  assert.deepEqual([scope, aud, exp - iat], ['orders:deploy', AUDIENCE, 600])
  assert.deepEqual(cs, { pol: 'pol_deploy', tp: ['tp_github'], svc: 'svc_orders', rev: cs.rev, evt: result.eventId })
  assert.equal(claims['cnf'], undefined)
  assert.equal(result.tokenType, 'Bearer')
  const shorter = allowed(await exchange(issuer.sign(), { ttlSeconds: 60 }))
  assert.equal(shorter.expiresInSeconds, 60)
})

test('each allowed exchange leaves one event, one issuance, its claims, and a confirmed signature', async (t) => {
  const { database, exchange, issuer } = await openExchange(t)
  const results = await Promise.all(Array.from({ length: 40 }, () => exchange(issuer.sign())))
  for (const result of results) {
    const { eventId, accessToken } = allowed(result)
    const issuance = await database.read
      .selectFrom('issuances')
      .selectAll()
      .where('event_id', '=', eventId)
      .executeTakeFirst()
    assert.equal(issuance?.jti, decode(accessToken)['jti'])
    const claims = await database.read
      .selectFrom('decision_claims')
      .select('claims')
      .where('event_id', '=', eventId)
      .executeTakeFirst()
    assert.ok(Buffer.from(claims?.claims ?? []).includes('"repository_id":"456789"'))
  }
  await new Promise((resolve) => setTimeout(resolve, 600))
  const issued = await database.read.selectFrom('issuances').select(['boot_id', 'batch']).distinct().execute()
  const confirmed = await database.read.selectFrom('signing_confirmations').selectAll().execute()
  for (const { boot_id, batch } of issued) {
    assert.ok(
      confirmed.some((row) => row.boot_id === boot_id && Number(row.batch) === Number(batch)),
      `batch ${batch}`,
    )
  }
})

test('no event, claim row aside, holds a claim value or any part of the proof (invariant 5, T29)', async (t) => {
  const { database, exchange, issuer } = await openExchange(t)
  const canary = `canary-${Math.random().toString(36).slice(2)}`
  const proof = issuer.sign({ actor: canary, ref: `refs/heads/${canary}` })
  refused(await exchange(proof), 'no_matching_policy')
  const bodies = (await database.read.selectFrom('events').select('body').execute()).map(({ body }) =>
    Buffer.from(body).toString(),
  )
  assert.ok(!bodies.join().includes(canary))
  assert.ok(!bodies.join().includes(proof.split('.')[2] ?? ''))
})

test('a service whose verifiers know one algorithm only gets its tokens signed with it, each by a key of its own (G-05)', async (t) => {
  const { clock, exchange, eventLog, issuer, keyRing } = await openExchange(t, {
    resources: (by) => {
      const service = serviceResource()
      const spec = { ...service.document.spec, signingAlgorithm: 'RS256' }
      return [providerResource(by), { ...service, document: { ...service.document, spec } }, policyResource()]
    },
  })
  // No key of another algorithm stands in, and the decision is in the log (S-03).
  const early = await exchange(issuer.sign())
  assert.ok(!early.ok && early.code === 'signing_key_unavailable' && early.retryAfterSeconds === 2)
  const event = await eventLog.get(early.errorId)
  assert.deepEqual([event?.kind, event?.outcome], ['exchange.decided', 'denied'])
  assert.deepEqual([event?.data['code'], event?.data['nearest_policy']], ['signing_key_unavailable', 'pol_deploy'])
  await keyRing.ensure('RS256')
  const { accessToken } = allowed(await exchange(issuer.sign()))
  const options = { issuer: ISSUER, audience: AUDIENCE, jwks: keyRing.jwks(), now: () => clock.now }
  const { header } = await createTokenVerifier({ ...options, algorithms: ['RS256'] }).verify(accessToken)
  assert.equal(header.alg, 'RS256')
  await assert.rejects(createTokenVerifier({ ...options, algorithms: ['ES256'] }).verify(accessToken))
})
