import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { createDpopKey } from '../dpop/index.ts'
import { createTokenVerifier } from '../verify/index.ts'
import { createTestIssuer } from './index.ts'

const AUDIENCE = 'https://orders.acme.example'

test('a test issuer cannot be a real one: its name never resolves, and is not to be chosen', async () => {
  const issuer = createTestIssuer({ issuer: 'https://sts.acme.example' } as object)
  assert.match(issuer.issuer, /^https:\/\/issuer-[0-9a-f]{8}\.test\.invalid$/)
  assert.notEqual(createTestIssuer().issuer, issuer.issuer)
  const verifier = createTokenVerifier({ issuer: issuer.issuer, audience: AUDIENCE })
  await assert.rejects(verifier.verify(issuer.token({ audience: AUDIENCE })), { code: 'keys_unavailable' })
  verifier.close()
})

test('a verifier of production, of another audience or of another test issuer refuses its tokens', async () => {
  const [issuer, other] = [createTestIssuer(), createTestIssuer()]
  const token = issuer.token({ audience: AUDIENCE })
  const production = createTokenVerifier({ ...issuer.verifierOptions(AUDIENCE), issuer: 'https://sts.acme.example' })
  await assert.rejects(production.verify(token), { code: 'issuer_mismatch' })
  await assert.rejects(createTokenVerifier(other.verifierOptions(AUDIENCE)).verify(token), { code: 'issuer_mismatch' })
  const forged = other.token({
    audience: AUDIENCE,
    claims: { iss: issuer.issuer },
    header: { kid: String(issuer.jwks.keys[0]?.['kid']) },
  })
  const verifier = createTokenVerifier(issuer.verifierOptions(AUDIENCE))
  await assert.rejects(verifier.verify(forged), { code: 'signature_invalid' })
  await assert.rejects(createTokenVerifier(issuer.verifierOptions('https://x.example')).verify(token), {
    code: 'audience_mismatch',
  })
  await assert.rejects(verifier.verify(issuer.token({ audience: AUDIENCE, expiresInSeconds: -60 })), {
    code: 'token_expired',
  })
  assert.throws(() => createTestIssuer({ alg: 'HS256' as 'ES256' }), { code: 'configuration_invalid' })
})

test('its tokens have the claims of a server, also for another implementation', async () => {
  for (const alg of ['ES256', 'RS256', 'Ed25519'] as const) {
    const issuer = createTestIssuer({ alg })
    const key = createDpopKey()
    const token = issuer.token({
      audience: AUDIENCE,
      scopes: ['a', 'b'],
      workload: 'wl_1',
      dpop: key,
      certificate: randomBytes(8),
      actors: [{ sub: 'x' }, { sub: 'y' }],
    })
    const { claims } = await createTokenVerifier(issuer.verifierOptions(AUDIENCE)).verify(token)
    const { payload } = await jwtVerify(token, createLocalJWKSet(issuer.jwks as never), {
      issuer: issuer.issuer,
      audience: AUDIENCE,
      typ: 'at+jwt',
    })
    assert.deepEqual({ ...claims }, payload)
    assert.equal(claims['client_id'], 'wl_1')
    assert.equal(claims['scope'], 'a b')
    assert.deepEqual(claims['act'], { sub: 'x', act: { sub: 'y' } })
    assert.deepEqual(Object.keys(claims['cnf'] as object), ['jkt', 'x5t#S256'])
    assert.deepEqual(Object.keys(claims['cs'] as object), ['pol', 'tp', 'svc', 'rev', 'evt'])
    assert.equal(claims.exp - Number(claims.iat), 900)
  }
})

test('time is the one that is given, for tokens and verifiers alike', async () => {
  let now = new Date('2030-01-01T00:00:00Z')
  const issuer = createTestIssuer({ now: () => now })
  const verifier = createTokenVerifier(issuer.verifierOptions(AUDIENCE))
  const token = issuer.token({ audience: AUDIENCE, expiresInSeconds: 60 })
  assert.equal((await verifier.verify(token)).claims.iat, now.getTime() / 1000)
  now = new Date('2030-01-01T00:02:00Z')
  await assert.rejects(verifier.verify(token), { code: 'token_expired' })
})

test('revocations take effect at once, and their outage refuses everything', async () => {
  const issuer = createTestIssuer()
  const verifier = createTokenVerifier({ ...issuer.verifierOptions(AUDIENCE), cache: true })
  const [first, second] = [issuer.token({ audience: AUDIENCE }), issuer.token({ audience: AUDIENCE })]
  assert.ok(verifier.verifySync(first))
  issuer.revoke(first)
  assert.throws(() => verifier.verifySync(first), { code: 'token_revoked' })
  await assert.rejects(verifier.verify(first), { code: 'token_revoked' })
  assert.ok(await verifier.verify(second))
  issuer.setRevocationsAvailable(false)
  assert.throws(() => verifier.verifySync(second), { code: 'revocation_unavailable', retryable: true })
  issuer.setRevocationsAvailable(true)
  assert.ok(verifier.verifySync(second))
  await assert.rejects(verifier.verify(issuer.token({ audience: AUDIENCE, claims: { jti: undefined } })), {
    code: 'token_not_revocable',
  })
})

test('its private key is nowhere in it', () => {
  const issuer = createTestIssuer()
  assert.doesNotMatch(JSON.stringify(issuer) + inspect(issuer, { depth: 9, showHidden: true }), /"d"|\bd:|PRIVATE/)
})
