import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { createDpopKey, createDpopVerifier } from '@countersign/sdk'
import { createClientCertificate } from '../../../../../test/support/client-certificate.ts'
import { ServiceError } from '../../errors.ts'
import type { KeyRing } from '../../signing-keys/index.ts'
import { createOwnTokens } from '../../tokens/index.ts'
import { AUDIENCE, createTestKey, ISSUER, NOW, tokenOf } from '../../tokens/own.fixture.ts'
import { createVerifyCaller, type PresentedToken, type VerifyCaller } from './caller.ts'
import { createCertificateThumbprint } from './client-certificate.ts'

const PATH = '/v1/status'
const URL = `${ISSUER}${PATH}`
const PROXY = '10.0.0.1'
const certificate = createClientCertificate()

describe('who calls the management API', () => {
  const key = createTestKey('ours')
  const holder = createDpopKey({ now: () => NOW })
  const bearer = tokenOf(key.signer)
  const bound = tokenOf(key.signer, { confirmation: { jkt: holder.thumbprint } })
  const byCertificate = tokenOf(key.signer, { confirmation: { 'x5t#S256': certificate.thumbprint } })
  let verifyCaller: VerifyCaller

  beforeEach(() => {
    const keyRing = { jwks: () => ({ keys: [key.jwk] }) } as unknown as KeyRing
    verifyCaller = createVerifyCaller({
      ownTokens: createOwnTokens({
        issuer: ISSUER,
        keyRing,
        revocations: { isRevoked: () => false },
        headAgeMs: () => 0,
        now: () => NOW,
      }),
      audience: AUDIENCE,
      origin: ISSUER,
      dpop: createDpopVerifier({ now: () => NOW, replay: { maxProofs: 2 } }),
      certificateThumbprint: createCertificateThumbprint({ enabled: true, trustedProxies: [PROXY] }),
    })
  })

  const call = (token: string, changes: Partial<PresentedToken> = {}) =>
    verifyCaller({
      scheme: 'Bearer',
      token,
      method: 'GET',
      path: PATH,
      dpop: undefined,
      clientCert: undefined,
      peer: '192.0.2.1',
      ...changes,
    })
  const proof = (changes: { method?: string; url?: string; accessToken?: string } = {}, by = holder) =>
    by.proof({ method: 'GET', url: URL, accessToken: bound, ...changes })
  const isCode = (code: string) => (error: unknown) => error instanceof ServiceError && error.code === code

  test('T39: a bound token is nobody’s as a bearer token, also with a good proof beside it (RFC 9449 section 7.2)', async () => {
    assert.equal(await call(bound), undefined)
    assert.equal(await call(bound, { dpop: proof() }), undefined)
    assert.equal(await call(byCertificate), undefined)
    assert.equal(await call(byCertificate, { scheme: 'DPoP', dpop: proof({ accessToken: byCertificate }) }), undefined)
    const other = createClientCertificate()
    assert.equal(await call(byCertificate, { clientCert: other.header, peer: PROXY }), undefined)
    const asDpop = { scheme: 'DPoP', clientCert: certificate.header, peer: PROXY } as const
    assert.equal(await call(byCertificate, asDpop), undefined)
  })

  test('a bearer token does not become a DPoP token by its scheme, with any proof (RFC 9449 section 7.1)', async () => {
    assert.equal(await call(bearer, { scheme: 'DPoP' }), undefined)
    assert.equal(await call(bearer, { scheme: 'DPoP', dpop: proof({ accessToken: bearer }) }), undefined)
  })

  test('V-22: a proof by another key is no proof of the holder', async () => {
    const thief = createDpopKey({ now: () => NOW })
    assert.equal(await call(bound, { scheme: 'DPoP', dpop: proof({}, thief) }), undefined)
  })

  test('V-22: a proof for another method, path, host or token, none, or several, is named as the fault', async () => {
    const late = createDpopKey({ now: () => new Date(NOW.getTime() - 120_000) })
    const bad: readonly (string | undefined)[] = [
      undefined,
      '',
      proof({ method: 'POST' }),
      proof({ url: `${ISSUER}/v1/events` }),
      proof({ url: `http://127.0.0.1:8700${PATH}` }),
      proof({ accessToken: bearer }),
      holder.proof({ method: 'GET', url: URL }),
      `${proof()}, ${proof()}`,
      proof({}, late),
    ]
    for (const dpop of bad) await assert.rejects(call(bound, { scheme: 'DPoP', dpop }), isCode('invalid_dpop_proof'))
  })

  test('V-22: a proof is good once, and when no more can be remembered nothing is accepted', async () => {
    const dpop = proof()
    assert.ok(await call(bound, { scheme: 'DPoP', dpop }))
    await assert.rejects(call(bound, { scheme: 'DPoP', dpop }), isCode('invalid_dpop_proof'))
    assert.ok(await call(bound, { scheme: 'DPoP', dpop: proof() }))
    await assert.rejects(call(bound, { scheme: 'DPoP', dpop: proof() }), isCode('overloaded'))
  })

  test('S-13: what strangers send with their tokens takes up no room among used proofs', async () => {
    const foreign = tokenOf(createTestKey('ours').signer, { confirmation: { jkt: holder.thumbprint } })
    for (let index = 0; index < 5; index += 1) {
      assert.equal(await call(foreign, { scheme: 'DPoP', dpop: proof({ accessToken: foreign }) }), undefined)
    }
    assert.ok(await call(bound, { scheme: 'DPoP', dpop: proof() }))
  })

  test('S-14: a Client-Cert header from anybody but a proxy refuses the request, whatever the token', async () => {
    for (const token of [bearer, byCertificate]) {
      await assert.rejects(call(token, { clientCert: certificate.header }), isCode('invalid_request'))
    }
  })

  test('holders are accepted: of a bearer token, of a key by its proof, of a certificate by their proxy', async () => {
    assert.equal((await call(bearer))?.jti, 'jti_a')
    assert.equal((await call(bound, { scheme: 'DPoP', dpop: proof() }))?.jti, 'jti_a')
    assert.equal((await call(byCertificate, { clientCert: certificate.header, peer: PROXY }))?.jti, 'jti_a')
  })
})
