import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { ServiceError } from '../errors.ts'
import type { RevocableToken, Revocations } from '../revocation/index.ts'
import type { KeyRing } from '../signing-keys/index.ts'
import type { Confirmation } from './confirmation.ts'
import { AUDIENCE, createTestKey, ISSUER, NOW, type TestKey, tokenOf } from './own.fixture.ts'
import { createOwnTokens, type OwnTokens } from './own.ts'

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

  test('T39: a bound token is nobody’s without its holder, and its holder’s own acts need no proof (RFC 9449 section 7.2)', async () => {
    for (const confirmation of [{ jkt: 'k'.repeat(43) }, { 'x5t#S256': 'c'.repeat(43) }]) {
      const token = tokenOf(first.signer, { confirmation })
      assert.equal(await own.verify(token, AUDIENCE), undefined)
      assert.equal(await own.verify(token, AUDIENCE, () => false), undefined)
      await assert.rejects(own.verify(token, AUDIENCE, () => assert.fail('refused')))
      const asked: unknown[] = []
      const confirms = (what: Confirmation) => asked.push(what) > 0
      assert.deepEqual((await own.verify(token, AUDIENCE, confirms))?.confirmation, confirmation)
      assert.deepEqual(asked, [confirmation])
      assert.deepEqual((await own.verifyAnyAudience(token))?.confirmation, confirmation)
    }
  })

  test('S-13: proofs of possession are looked at only for tokens that are good in every other way', async () => {
    const never = () => assert.fail('asked')
    const confirmation = { jkt: 'k'.repeat(43) }
    assert.equal(await own.verify(tokenOf(second.signer, { confirmation }), AUDIENCE, never), undefined)
    assert.equal(await own.verify(tokenOf(first.signer, { confirmation }), 'https://other.example', never), undefined)
    revoked.add('jti_a')
    assert.equal(await own.verify(tokenOf(first.signer, { confirmation }), AUDIENCE, never), undefined)
  })

  test('a token of ours with a cnf that is not ours is refused, also as the holder’s', async () => {
    for (const cnf of [{}, { kid: 'a' }, { jkt: 'short' }, { jkt: 'k'.repeat(43), kid: 'a' }]) {
      const token = tokenOf(first.signer, { confirmation: cnf as unknown as Confirmation })
      assert.equal(await own.verify(token, AUDIENCE, () => true), undefined)
      assert.equal(await own.verifyAnyAudience(token), undefined)
    }
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
