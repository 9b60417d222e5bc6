import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CountersignError } from '../errors.ts'
import { makeKey, signToken } from '../signed-tokens.fixture.ts'
import type { RevocationCheck, RevocationVerdict } from './revocation-check.ts'
import { createTokenVerifier, type TokenVerifierOptions, type VerifiedToken } from './token-verifier.ts'

const ISSUER = 'https://issuer.example'
const AUDIENCE = 'https://orders.acme.example'
const NOW = 1_800_000_000
const key = makeKey('ES256', 'ec-1')
const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'workload', iat: NOW - 10, exp: NOW + 900, jti: 'j1' }
const good = signToken(key, claims)

interface Asked extends RevocationCheck {
  readonly sync: VerifiedToken[]
  readonly async: VerifiedToken[]
  closed: number
}

/** A check with prepared answers, which remembers what it was asked. */
function answering(
  sync: () => RevocationVerdict | undefined,
  async: () => Promise<RevocationVerdict> = async () => assert.fail('check was asked although checkSync had answered'),
): Asked {
  const asked: Asked = {
    sync: [],
    async: [],
    closed: 0,
    checkSync(token) {
      asked.sync.push(token)
      return sync()
    },
    check(token) {
      asked.async.push(token)
      return async()
    },
    close() {
      asked.closed += 1
    },
  }
  return asked
}

const verifierWith = (revocations: RevocationCheck, options: Partial<TokenVerifierOptions> = {}) =>
  createTokenVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    jwks: { keys: [key.jwk] },
    now: () => new Date(NOW * 1000),
    revocations,
    ...options,
  })

test('V-20: a revoked token is refused with token_revoked, whether the verdict is at hand or asked for', async () => {
  const atHand = verifierWith(answering(() => 'revoked'))
  await assert.rejects(atHand.verify(good), { code: 'token_revoked', retryable: false })
  assert.throws(() => atHand.verifySync(good), { code: 'token_revoked' })
  const askedFor = verifierWith(
    answering(
      () => undefined,
      async () => 'revoked',
    ),
  )
  await assert.rejects(askedFor.verify(good), { code: 'token_revoked' })
})

test('V-20: whatever a check answers that is not "accepted" is a refusal, never an acceptance', async () => {
  for (const answer of [true, false, null, 'ok', 'ACCEPTED', '', 1, {}] as unknown[]) {
    const check = answering(
      () => answer as RevocationVerdict,
      async () => answer as RevocationVerdict,
    )
    await assert.rejects(verifierWith(check).verify(good), { code: 'token_revoked' }, String(answer))
    if (answer !== null) assert.throws(() => verifierWith(check).verifySync(good), { code: 'token_revoked' })
  }
  const nothing = answering(
    () => undefined,
    async () => undefined as unknown as RevocationVerdict,
  )
  await assert.rejects(verifierWith(nothing).verify(good), { code: 'token_revoked' })
})

test('V-20: what a check throws reaches the caller: token_not_revocable, revocation_unavailable (retryable)', async () => {
  const unjudged = answering(() => {
    throw new CountersignError('token_not_revocable')
  })
  await assert.rejects(verifierWith(unjudged).verify(good), { code: 'token_not_revocable', retryable: false })
  assert.throws(() => verifierWith(unjudged).verifySync(good), { code: 'token_not_revocable' })
  const silent = answering(
    () => undefined,
    async () => {
      throw new CountersignError('revocation_unavailable')
    },
  )
  await assert.rejects(verifierWith(silent).verify(good), { code: 'revocation_unavailable', retryable: true })
})

test('without a verdict at hand verifySync says undefined, and never accepts', () => {
  const check = answering(() => undefined)
  assert.equal(verifierWith(check).verifySync(good), undefined)
  assert.equal(check.async.length, 0)
})

test('V-25: a token that fails another check is never shown to the revocation check', async () => {
  const check = answering(() => 'accepted')
  const verifier = verifierWith(check, { cache: true })
  const bad = [
    signToken(key, { ...claims, exp: NOW - 100 }),
    signToken(key, { ...claims, aud: 'https://other.example' }),
    signToken(makeKey('ES256', 'ec-1'), claims),
    `${good.slice(0, -2)}AA`,
    'x',
  ]
  for (const token of bad) {
    await assert.rejects(verifier.verify(token))
    assert.throws(() => verifier.verifySync(token))
  }
  assert.deepEqual(check.sync, [])
})

test('V-20: a remembered token is asked about at each use, so a revocation ends it at once', async () => {
  let verdict: RevocationVerdict = 'accepted'
  const check = answering(() => verdict)
  const verifier = verifierWith(check, { cache: true })
  await verifier.verify(good)
  assert.ok(verifier.verifySync(good))
  assert.equal(check.sync.length, 2)
  verdict = 'revoked'
  await assert.rejects(verifier.verify(good), { code: 'token_revoked' })
  assert.throws(() => verifier.verifySync(good), { code: 'token_revoked' })
  verdict = 'accepted'
  assert.equal((await verifier.verify(good)).claims['jti'], 'j1')
})

test('where the verdict is at hand nothing more is asked for, and the verified token is what was judged', async () => {
  const check = answering(() => 'accepted')
  const verified = await verifierWith(check).verify(good)
  assert.deepEqual(check.sync, [verified])
  assert.equal(check.async.length, 0)
})

test('the caller closes the check: the verifier, which may share it, does not', () => {
  const check = answering(() => 'accepted')
  verifierWith(check).close()
  assert.equal(check.closed, 0)
})

test('an option that is no check is refused, rather than never asked', () => {
  for (const revocations of [null, true, {}, Promise.resolve(), { check() {} }, { checkSync() {} }] as unknown[]) {
    assert.throws(() => verifierWith(revocations as RevocationCheck), { code: 'configuration_invalid' })
  }
})
