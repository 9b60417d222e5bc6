import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { RevocableToken } from '../revocation/index.ts'
import type { KeyRing } from '../signing-keys/index.ts'
import { createIntrospect, type Introspect, mayIntrospect } from './introspect.ts'
import { createTestKey, ISSUER, NOW, tokenOf } from './own.fixture.ts'
import { createOwnTokens } from './own.ts'

const ORDERS = {
  audience: 'https://orders.acme.internal',
  serviceId: 'svc_orders',
  scopes: ['orders:read', 'orders:write'],
}
const VERIFIES_ORDERS = ['verify:orders-api']
const INACTIVE = '{"active":false}'

describe('introspection (RFC 7662)', () => {
  const key = createTestKey('ours')
  const stranger = createTestKey('ours')
  let now: Date
  let headAgeMs: number
  let revoked: (token: RevocableToken) => boolean
  let services: Map<string, string>
  let introspect: Introspect

  beforeEach(() => {
    now = NOW
    headAgeMs = 0
    revoked = () => false
    services = new Map([
      ['svc_orders', 'orders-api'],
      ['svc_billing', 'billing-api'],
    ])
    const keyRing = { jwks: () => ({ keys: [key.jwk] }) } as unknown as KeyRing
    const ownTokens = createOwnTokens({
      issuer: ISSUER,
      keyRing,
      revocations: { isRevoked: (token) => revoked(token) },
      headAgeMs: () => headAgeMs,
      now: () => now,
    })
    introspect = createIntrospect({
      ownTokens,
      services: () => [...services].map(([id, name]) => ({ id, name })),
      now: () => now,
    })
  })

  const assertInactive = async (token: string, scopes: readonly string[], why: string) =>
    assert.equal(JSON.stringify(await introspect(token, scopes)), INACTIVE, why)

  test('T22: who does not verify for the service of the token learns nothing, whatever else it may', async () => {
    const token = tokenOf(key.signer, ORDERS)
    const others = [
      [],
      ['verify:billing-api'],
      ['verify:'],
      ['verify:*'],
      ['verify:orders-ap'],
      ['verify:orders-api2'],
      ['verify:ORDERS-API'],
      ['verify:svc_orders'],
      ['orders-api'],
      ['services:write', 'events:read', 'signing-keys:write'],
    ]
    for (const scopes of others) await assertInactive(token, scopes, scopes.join(' '))
  })

  test('T22: a service that is there no more has no verifiers, and no name by which another could be one', async () => {
    const token = tokenOf(key.signer, ORDERS)
    services.delete('svc_orders')
    await assertInactive(token, [...VERIFIES_ORDERS, 'verify:undefined', 'verify:'], 'deleted')
    // A new service of the old name has another id.
    services.set('svc_new', 'orders-api')
    await assertInactive(token, VERIFIES_ORDERS, 'the name is taken by another service')
  })

  test('garbage, strangers, other issuers, expired and future tokens are inactive, byte for byte alike', async () => {
    const good = tokenOf(key.signer, ORDERS)
    const [header, payload] = good.split('.')
    const inactive: Readonly<Record<string, string>> = {
      'no token': 'x',
      dots: '..',
      'no signature': `${header}.${payload}.`,
      'too long': 'a'.repeat(16 * 1024 + 1),
      NUL: `${good}\u0000`,
      'the key of a stranger': tokenOf(stranger.signer, ORDERS),
      'another issuer': tokenOf(key.signer, { ...ORDERS, issuer: 'https://evil.example' }),
      'no audience': tokenOf(key.signer, { ...ORDERS, audience: '' }),
      expired: tokenOf(key.signer, { ...ORDERS, expiresAt: new Date(NOW.getTime() - 60_000) }),
      'from the future': tokenOf(key.signer, { ...ORDERS, issuedAt: new Date(NOW.getTime() + 120_000) }),
    }
    for (const [what, token] of Object.entries(inactive)) {
      await assertInactive(token, [...VERIFIES_ORDERS, 'tokens:introspect'], what)
    }
  })

  test('a token is inactive from the second of its expiry, without the leeway of verifiers', async () => {
    const token = tokenOf(key.signer, ORDERS)
    now = new Date(NOW.getTime() + 899_999)
    assert.equal((await introspect(token, VERIFIES_ORDERS))['active'], true)
    now = new Date(NOW.getTime() + 900_000)
    await assertInactive(token, VERIFIES_ORDERS, 'expired')
  })

  test('T23: a revoked token is inactive for everybody', async () => {
    const token = tokenOf(key.signer, ORDERS)
    revoked = ({ jti }) => jti === 'jti_a'
    await assertInactive(token, VERIFIES_ORDERS, 'verifier')
    await assertInactive(token, ['tokens:introspect'], 'administrator')
  })

  test('T23: a server that has not read the revision log for 5 s says that it does not know, never that a token is active', async () => {
    const token = tokenOf(key.signer, ORDERS)
    for (const ageMs of [5_001, Number.POSITIVE_INFINITY, Number.NaN]) {
      headAgeMs = ageMs
      await assert.rejects(introspect(token, VERIFIES_ORDERS), { code: 'store_unavailable' })
      await assertInactive(tokenOf(stranger.signer, ORDERS), VERIFIES_ORDERS, 'a stranger’s')
    }
    headAgeMs = 5_000
    assert.equal((await introspect(token, VERIFIES_ORDERS))['active'], true)
  })

  test('the service of the token, and administrators, get what RFC 7662 section 2.2 names', async () => {
    const token = tokenOf(key.signer, ORDERS)
    const expected = {
      active: true,
      scope: 'orders:read orders:write',
      client_id: 'wl_a',
      token_type: 'Bearer',
      exp: NOW.getTime() / 1000 + 900,
      iat: NOW.getTime() / 1000,
      sub: 'countersign://sts.acme.example/workload/tp_a/repository_id/1',
      aud: 'https://orders.acme.internal',
      iss: ISSUER,
      jti: 'jti_a',
      cs: { pol: 'pol_a', tp: ['tp_a'], svc: 'svc_orders', rev: 1, evt: 'evt_a' },
    }
    for (const scopes of [VERIFIES_ORDERS, ['tokens:introspect'], ['verify:billing-api', ...VERIFIES_ORDERS]]) {
      assert.deepEqual(await introspect(token, scopes), expected)
    }
  })

  test('a bound token is told with what it is bound to: whoever accepts it has to check that (RFC 9449 section 6.2)', async () => {
    const dpop = { jkt: 'k'.repeat(43) }
    const mtls = { 'x5t#S256': 'c'.repeat(43) }
    for (const [confirmation, type] of [
      [dpop, 'DPoP'],
      [mtls, 'Bearer'],
    ] as const) {
      const answer = await introspect(tokenOf(key.signer, { ...ORDERS, confirmation }), VERIFIES_ORDERS)
      assert.deepEqual([answer['cnf'], answer['token_type']], [confirmation, type])
    }
  })

  test('only verifiers and administrators may ask at all', () => {
    for (const scopes of [[], ['events:read'], ['verify'], ['introspect'], ['tokens:introspect2'], ['xverify:a']]) {
      assert.equal(mayIntrospect(scopes), false, scopes.join(' '))
    }
    assert.ok(mayIntrospect(['events:read', 'verify:orders-api']) && mayIntrospect(['tokens:introspect']))
  })
})
