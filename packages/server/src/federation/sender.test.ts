import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CountersignError, createDpopKey, createTokenVerifier } from '@countersign/sdk'
import fc from 'fast-check'
import type { TestScope } from '../../../../test/support/database.ts'
import type { JsonObject } from '../lib/index.ts'
import {
  AUDIENCE,
  type ExchangeFixture,
  ISSUER,
  openExchange,
  policyResource,
  providerResource,
  serviceResource,
  TOKEN_ENDPOINT,
} from './exchange.fixture.ts'
import type { ExchangeResult } from './exchange.ts'
import { createSenderCheck } from './sender.ts'

const CERTIFICATE = 'c'.repeat(43)

type Constraint = 'dpop' | 'mtls' | 'any'

async function open(t: TestScope, senderConstraint?: Constraint, maxDpopProofs?: number) {
  const fixture = await openExchange(t, {
    ...(maxDpopProofs === undefined ? {} : { maxDpopProofs }),
    resources: (by) => [
      providerResource(by),
      serviceResource(),
      policyResource('deploy', senderConstraint ? { limits: { senderConstraint } } : {}),
    ],
  })
  const { clock, exchange, issuer } = fixture
  const key = createDpopKey({ now: () => clock.now })
  const dpop = (changes: { url?: string; method?: string } = {}) =>
    key.proof({ method: 'POST', url: TOKEN_ENDPOINT, ...changes })
  const send = (
    evidence: { dpopProof?: string; certificateThumbprint?: string } = {},
    request: Parameters<ExchangeFixture['exchange']>[1] = {},
    claims: Readonly<Record<string, unknown>> = {},
  ) => exchange(issuer.sign(claims), request, undefined, evidence)
  return { ...fixture, key, dpop, send }
}

type Opened = Awaited<ReturnType<typeof open>>

function allowed(result: ExchangeResult): ExchangeResult & { ok: true } {
  if (!result.ok) assert.fail(`was refused: ${result.code}`)
  return result
}

/** A refusal is one recorded decision, with nothing issued. */
async function assertDenied({ database, eventLog }: Opened, result: ExchangeResult, code: string) {
  assert.ok(!result.ok, 'was allowed')
  assert.equal(result.code, code)
  const event = await eventLog.get(result.errorId)
  assert.deepEqual([event?.kind, event?.outcome, event?.data['code']], ['exchange.decided', 'denied', code])
  assert.equal((await database.read.selectFrom('issuances').select('jti').execute()).length, 0)
  return event
}

function cnfOf({ accessToken }: ExchangeResult & { ok: true }): unknown {
  return JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()).cnf
}

describe('sender constraint at the exchange', () => {
  test('S-14: a policy that requires it grants nothing without, with the way out in the event', async (t) => {
    const fixture = await open(t, 'dpop')
    const event = await assertDenied(fixture, await fixture.send(), 'sender_constraint_required')
    assert.equal(event?.data['nearest_policy'], 'pol_deploy')
    const withCertificate = await fixture.send({ certificateThumbprint: CERTIFICATE })
    await assertDenied(fixture, withCertificate, 'sender_constraint_required')
  })

  test('S-14: a policy that requires mTLS takes no DPoP proof, also beside a certificate', async (t) => {
    const fixture = await open(t, 'mtls')
    await assertDenied(fixture, await fixture.send(), 'sender_constraint_required')
    await assertDenied(fixture, await fixture.send({ dpopProof: fixture.dpop() }), 'sender_constraint_required')
    const both = { dpopProof: fixture.dpop(), certificateThumbprint: CERTIFICATE }
    await assertDenied(fixture, await fixture.send(both), 'sender_constraint_required')
  })

  test('a request that asks for a binding which it does not prove is denied, also without a policy that requires one', async (t) => {
    const fixture = await open(t)
    const certificateThumbprint = CERTIFICATE
    for (const [evidence, senderConstraint] of [
      [{}, 'dpop'],
      [{ certificateThumbprint }, 'dpop'],
      [{}, 'mtls'],
      [{ dpopProof: fixture.dpop() }, 'mtls'],
      [{ dpopProof: fixture.dpop(), certificateThumbprint }, 'mtls'],
    ] as const) {
      await assertDenied(fixture, await fixture.send(evidence, { senderConstraint }), 'sender_constraint_required')
    }
  })

  test('V-22: a DPoP proof that is not for POST to the configured endpoint, now, once, is a recorded denial', async (t) => {
    const fixture = await open(t)
    const { clock, dpop, key, send } = fixture
    const [header = '', payload = '', signature = ''] = dpop().split('.')
    const bad: Readonly<Record<string, string>> = {
      'an empty header': '',
      'no JWT': 'a.b.c',
      'another method': dpop({ method: 'GET' }),
      'another path': dpop({ url: `${ISSUER}/oauth/introspect` }),
      'the host that was called': dpop({ url: 'http://127.0.0.1:8700/oauth/token' }),
      'another scheme': dpop({ url: TOKEN_ENDPOINT.replace('https', 'http') }),
      'two proofs': `${dpop()}, ${dpop()}`,
      'no signature': `${header}.${payload}.`,
      'the signature of another proof': `${header}.${payload}.${dpop().split('.')[2]}`,
      'a changed payload': `${header}.${dpop().split('.')[1]}.${signature}`,
      'the subject token': fixture.issuer.sign(),
    }
    for (const [what, dpopProof] of Object.entries(bad)) {
      const event = await assertDenied(fixture, await send({ dpopProof }), 'invalid_dpop_proof')
      assert.match(String(event?.data['detail']), /^the DPoP proof/, what)
    }
    const late = dpop()
    clock.now = new Date(clock.now.getTime() + 61_000)
    await assertDenied(fixture, await send({ dpopProof: late }), 'invalid_dpop_proof')
    const early = createDpopKey({ now: () => new Date(clock.now.getTime() + 31_000) })
    const ahead = early.proof({ method: 'POST', url: TOKEN_ENDPOINT })
    await assertDenied(fixture, await send({ dpopProof: ahead }), 'invalid_dpop_proof')
    assert.ok(key.thumbprint)
  })

  test('V-22: a DPoP proof is good for one exchange, whatever proof of the workload it comes with', async (t) => {
    const { send, dpop } = await open(t)
    const dpopProof = dpop()
    allowed(await send({ dpopProof }))
    const again = await send({ dpopProof })
    assert.ok(!again.ok && again.code === 'invalid_dpop_proof')
  })

  test('S-13: whoever has no accepted proof neither costs a signature nor takes room among used DPoP proofs', async (t) => {
    const fixture = await open(t, 'dpop', 1)
    const { exchange, issuer, dpop, send } = fixture
    for (let index = 0; index < 5; index += 1) {
      const stranger = await exchange(issuer.sign({ repository_owner_id: '999' }), {}, undefined, { dpopProof: dpop() })
      assert.ok(!stranger.ok && stranger.code === 'proof_stranger')
    }
    allowed(await send({ dpopProof: dpop() }))
    const full = await send({ dpopProof: dpop() })
    assert.ok(!full.ok && full.code === 'overloaded' && full.retryAfterSeconds === 2)
    assert.equal((await fixture.eventLog.get(full.errorId))?.data['code'], 'overloaded')
  })

  test('S-14: a DPoP proof binds the token to its key, with or without a policy that requires it (RFC 9449 section 5)', async (t) => {
    for (const constraint of [undefined, 'dpop', 'any'] as const) {
      const { clock, dpop, eventLog, key, keyRing, send } = await open(t, constraint)
      const result = allowed(await send({ dpopProof: dpop(), certificateThumbprint: CERTIFICATE }))
      assert.equal(result.tokenType, 'DPoP')
      assert.deepEqual(cnfOf(result), { jkt: key.thumbprint })
      assert.deepEqual((await eventLog.get(result.eventId))?.data['cnf'], { jkt: key.thumbprint })
      const verifier = createTokenVerifier({
        issuer: ISSUER,
        audience: AUDIENCE,
        jwks: keyRing.jwks(),
        now: () => clock.now,
      })
      assert.deepEqual((await verifier.verify(result.accessToken)).claims['cnf'], { jkt: key.thumbprint })
    }
  })

  test('S-14: a certificate binds the token when the policy or the request asks for it, and not otherwise (RFC 8705 section 3)', async (t) => {
    const evidence = { certificateThumbprint: CERTIFICATE }
    for (const constraint of ['mtls', 'any'] as const) {
      const { send } = await open(t, constraint)
      const result = allowed(await send(evidence))
      assert.equal(result.tokenType, 'Bearer')
      assert.deepEqual(cnfOf(result), { 'x5t#S256': CERTIFICATE })
    }
    const { send } = await open(t)
    assert.equal(cnfOf(allowed(await send(evidence))), undefined)
    assert.deepEqual(cnfOf(allowed(await send(evidence, { senderConstraint: 'mtls' }))), { 'x5t#S256': CERTIFICATE })
  })
})

/** A verifier of proofs that are their own thumbprint; `bad` is none. */
const check = createSenderCheck({
  tokenEndpoint: TOKEN_ENDPOINT,
  dpop: {
    algorithms: [],
    verify({ proof }) {
      const [jkt = ''] = proof ?? []
      if (jkt === 'bad') throw new CountersignError('dpop_proof_invalid')
      return { jkt, jti: 'a', issuedAt: new Date(0), validUntil: new Date(0) }
    },
  },
})

test('T39: whatever comes, a bound proof is refused or its token is bound to the same, and no DPoP proof is passed over', () => {
  const held = fc.constantFrom(undefined, 'a', 'b', 'bad')
  const cnf = fc.oneof(
    fc.record({ jkt: fc.constantFrom('a', 'b'), 'x5t#S256': fc.constantFrom('a', 'b') }, { requiredKeys: [] }),
    fc.jsonValue(),
  )
  const claims = fc.oneof(
    fc.constant({}),
    cnf.map((value) => ({ cnf: value })),
  )
  const asked = fc.constantFrom(undefined, 'dpop' as const, 'mtls' as const)
  let accepted = 0
  fc.assert(
    fc.property(held, held, claims, asked, (dpopProof, certificateThumbprint, tokenClaims, senderConstraint) => {
      const evidence = { dpopProof, certificateThumbprint }
      const outcome = check(evidence, { senderConstraint }, { tokenClaims: tokenClaims as JsonObject })
      if (!outcome.ok) return
      assert.notEqual(dpopProof, 'bad')
      const { confirmation, constraint, mustBind } = outcome
      if ('cnf' in tokenClaims) {
        accepted += 1
        assert.ok(mustBind)
        // Of two bindings that are both held, the token has the one by the key.
        for (const [name, value] of Object.entries(confirmation ?? assert.fail())) {
          assert.equal((tokenClaims['cnf'] as Record<string, unknown>)[name], value)
        }
      }
      if (dpopProof !== undefined) assert.deepEqual([confirmation, mustBind], [{ jkt: dpopProof }, true])
      if (senderConstraint !== undefined) assert.deepEqual([constraint, mustBind], [senderConstraint, true])
      if (constraint === undefined) assert.deepEqual([confirmation, mustBind], [undefined, false])
    }),
    { numRuns: 5000 },
  )
  assert.ok(accepted > 50, `only ${accepted} bound proofs were accepted`)
})

describe('T39: a proof that is itself bound (cnf)', () => {
  const unproven = 'proof_holder_unproven'

  test('is refused without its key, so that it is not laundered into a bearer token', async (t) => {
    const fixture = await open(t)
    const { key, send, dpop } = fixture
    const other = createDpopKey({ now: () => fixture.clock.now }).proof({ method: 'POST', url: TOKEN_ENDPOINT })
    await assertDenied(fixture, await send({}, {}, { cnf: { jkt: key.thumbprint } }), unproven)
    await assertDenied(fixture, await send({ dpopProof: other }, {}, { cnf: { jkt: key.thumbprint } }), unproven)
    const certificate = { certificateThumbprint: CERTIFICATE }
    await assertDenied(fixture, await send(certificate, {}, { cnf: { jkt: key.thumbprint } }), unproven)
    await assertDenied(fixture, await send({}, {}, { cnf: { 'x5t#S256': CERTIFICATE } }), unproven)
    await assertDenied(fixture, await send({ dpopProof: dpop() }, {}, { cnf: { 'x5t#S256': CERTIFICATE } }), unproven)
  })

  test('is refused whatever form of cnf it has that cannot be checked', async (t) => {
    const fixture = await open(t)
    const { key, send, dpop } = fixture
    const { thumbprint: jkt, publicJwk } = key
    const forms = [
      ...[null, true, '', jkt, [], [{ jkt }], {}],
      ...[{ jkt: null }, { jkt: [jkt] }, { jkt: `${jkt}=` }, { JKT: jkt }],
      ...[
        { jwk: publicJwk },
        { kid: jkt },
        { jku: 'https://evil.example' },
        { jkt, kid: 'a' },
        { jkt, jwk: publicJwk },
      ],
      { jkt, 'x5t#S256': CERTIFICATE },
    ]
    for (const cnf of forms) await assertDenied(fixture, await send({ dpopProof: dpop() }, {}, { cnf }), unproven)
  })

  test('is exchanged with a fresh proof by the same key, and the token is bound to it', async (t) => {
    const { dpop, key, send } = await open(t)
    const result = allowed(await send({ dpopProof: dpop() }, {}, { cnf: { jkt: key.thumbprint } }))
    assert.deepEqual(cnfOf(result), { jkt: key.thumbprint })
  })

  test('by a certificate gives a token that is bound to the same certificate, though nobody asked', async (t) => {
    const { send } = await open(t)
    const result = allowed(await send({ certificateThumbprint: CERTIFICATE }, {}, { cnf: { 'x5t#S256': CERTIFICATE } }))
    assert.deepEqual(cnfOf(result), { 'x5t#S256': CERTIFICATE })
  })

  test('of ours is no proof at all, bound or not, revoked or not (S-09, T23)', async (t) => {
    const fixture = await open(t)
    const { dpop, exchange, ownTokens, revocations, database, send, clock } = fixture
    for (const evidence of [{}, { dpopProof: dpop() }]) {
      const { accessToken } = allowed(await send(evidence))
      const again = await exchange(accessToken, {}, undefined, { dpopProof: dpop() })
      assert.ok(!again.ok && again.code === 'proof_unknown_issuer')
      const own = await ownTokens.verifyAnyAudience(accessToken)
      assert.ok(own)
      await database.transaction((tx) =>
        revocations.append(tx, [
          {
            kind: 'jti',
            value: own.jti,
            upToRevision: undefined,
            reason: 'test',
            actor: 'test',
            expiresAt: new Date(clock.now.getTime() + 3_600_000),
          },
        ]),
      )
      await database.revisions.refresh()
      const revoked = await exchange(accessToken, {}, undefined, { dpopProof: dpop() })
      assert.ok(!revoked.ok && revoked.code === 'proof_unknown_issuer')
    }
  })
})
