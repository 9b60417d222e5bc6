import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { beforeEach, describe, test } from 'node:test'
import { ServiceError } from '../errors.ts'
import type { JsonObject } from '../lib/index.ts'
import type { RevocableToken, Revocations } from '../revocation/index.ts'
import type { KeyRing, Signer } from '../signing-keys/index.ts'
import { signAccessToken } from './issue.ts'
import { createOwnTokens, type OwnTokens } from './own.ts'

const ISSUER = 'https://sts.acme.example'
const AUDIENCE = 'https://sts.acme.example/v1'
const NOW = new Date('2026-03-01T12:00:00Z')

interface TestKey {
  readonly signer: Signer
  readonly jwk: JsonObject
}

/** A signing key; `onRead` is called whenever somebody reads its public half to import it. */
function createTestKey(kid: string, onRead: () => void): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, ...members } = publicKey.export({ format: 'jwk' })
  const jwk = { ...members, kid, alg: 'ES256', use: 'sig' }
  Object.defineProperty(jwk, 'x', {
    enumerable: true,
    get() {
      onRead()
      return x
    },
  })
  return {
    jwk: jwk as unknown as JsonObject,
    signer: {
      kid,
      alg: 'ES256',
      sign: (input) => sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }),
    },
  }
}

function tokenOf(signer: Signer, changes: { audience?: string; issuer?: string; jti?: string } = {}): string {
  return signAccessToken(signer, {
    issuer: ISSUER,
    audience: AUDIENCE,
    subject: 'countersign://sts.acme.example/workload/tp_a/repository_id/1',
    workloadId: 'wl_a',
    jti: 'jti_a',
    scopes: ['events:read'],
    issuedAt: NOW,
    expiresAt: new Date(NOW.getTime() + 900_000),
    policyId: 'pol_a',
    providerIds: ['tp_a'],
    serviceId: 'svc_a',
    revision: 1,
    eventId: 'evt_a',
    ...changes,
  })
}

describe('verifying our own tokens', () => {
  let published: TestKey[]
  let imports: number
  let revoked: Set<string>
  let headAgeMs: number
  let own: OwnTokens
  let first: TestKey
  let second: TestKey

  beforeEach(() => {
    imports = 0
    revoked = new Set()
    headAgeMs = 0
    first = createTestKey('first', () => {
      imports += 1
    })
    second = createTestKey('second', () => {})
    published = [first]
    const keyRing = { jwks: () => ({ keys: published.map(({ jwk }) => jwk) }) } as unknown as KeyRing
    const revocations = { isRevoked: (token: RevocableToken) => revoked.has(token.jti) } as Revocations
    own = createOwnTokens({ issuer: ISSUER, keyRing, revocations, headAgeMs: () => headAgeMs, now: () => NOW })
  })

  test('a token of another issuer, audience or key is nobody’s, and neither is what is no token', async () => {
    const stranger = createTestKey('first', () => {})
    const unverifiable = [
      tokenOf(first.signer, { issuer: 'https://evil.example' }),
      tokenOf(first.signer, { audience: 'https://orders.acme.internal' }),
      tokenOf(stranger.signer),
      tokenOf(second.signer),
      `${tokenOf(first.signer)}x`,
      '',
      'a.b.c',
    ]
    for (const token of unverifiable) assert.equal(await own.verify(token, AUDIENCE), undefined)
    for (const token of [tokenOf(stranger.signer), tokenOf(second.signer), '', 'a.b.c']) {
      assert.equal(await own.verifyAnyAudience(token), undefined)
    }
  })

  test('a key that leaves the ring takes its tokens with it at once, a new one counts at once (G-02)', async () => {
    const [old, fresh] = [tokenOf(first.signer), tokenOf(second.signer, { jti: 'jti_b' })]
    assert.equal((await own.verify(old, AUDIENCE))?.jti, 'jti_a')
    assert.equal(await own.verify(fresh, AUDIENCE), undefined)
    published = [first, second]
    assert.equal((await own.verify(fresh, AUDIENCE))?.jti, 'jti_b')
    published = [second]
    assert.equal(await own.verify(old, AUDIENCE), undefined)
    assert.equal(await own.verifyAnyAudience(old), undefined)
    assert.equal((await own.verify(fresh, AUDIENCE))?.jti, 'jti_b')
  })

  test('a revoked token is refused, whoever asks', async () => {
    const token = tokenOf(first.signer)
    assert.equal((await own.verifyAnyAudience(token))?.audience, AUDIENCE)
    revoked.add('jti_a')
    assert.equal(await own.verify(token, AUDIENCE), undefined)
    assert.equal(await own.verifyAnyAudience(token), undefined)
  })

  test('invariant 7: nothing is accepted while the revision log has not been read for 5 s, and it recovers by itself', async () => {
    const token = tokenOf(first.signer)
    for (const ageMs of [5_001, 60_000, Number.POSITIVE_INFINITY, Number.NaN]) {
      headAgeMs = ageMs
      for (const verify of [() => own.verify(token, AUDIENCE), () => own.verifyAnyAudience(token)]) {
        await assert.rejects(verify, (error) => error instanceof ServiceError && error.code === 'store_unavailable')
      }
    }
    headAgeMs = 5_000
    assert.equal((await own.verify(token, AUDIENCE))?.jti, 'jti_a')
  })

  test('strangers and revoked tokens are refused as ever while the revision log cannot be read', async () => {
    headAgeMs = 60_000
    assert.equal(await own.verify(tokenOf(second.signer), AUDIENCE), undefined)
    revoked.add('jti_a')
    assert.equal(await own.verify(tokenOf(first.signer), AUDIENCE), undefined)
  })

  test('keys are imported once for as long as the ring stays as it is, whatever audiences strangers name (S-13)', async () => {
    const token = tokenOf(first.signer)
    await own.verify(token, AUDIENCE)
    const once = imports
    assert.ok(once > 0)
    for (let index = 0; index < 200; index += 1) {
      await own.verifyAnyAudience(tokenOf(second.signer, { audience: `https://stranger-${index}.example` }))
      await own.verify(token, AUDIENCE)
    }
    assert.equal(imports, once)
  })
})
