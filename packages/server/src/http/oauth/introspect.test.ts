import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ServiceError } from '../../errors.ts'
import { createAdmission } from '../../federation/index.ts'
import type { OwnToken } from '../../tokens/index.ts'
import type { FormRequest } from '../direct.ts'
import { createIntrospectEndpoint } from './introspect.ts'
import { createRemoteAddress } from './remote-address.ts'

const LIMITS = { perAddressPerSecond: 1, perProviderPerSecond: 1, perWorkloadPerSecond: 1 }

/** The endpoint over callers whose token is their scope (with a dot); `bad` is no token, `badproof` a proof that is none. */
function open() {
  const clock = { ms: 0 }
  const verified: string[] = []
  const asked: string[] = []
  const answer = createIntrospectEndpoint({
    introspect: async (token) => {
      asked.push(token)
      return { active: false }
    },
    verifyCaller: async ({ token }) => {
      verified.push(token)
      if (token === 'badproof') throw new ServiceError('invalid_dpop_proof')
      if (token === 'stale') throw new ServiceError('store_unavailable')
      return token === 'bad' ? undefined : ({ scopes: [token.replace('.', ':')] } as unknown as OwnToken)
    },
    admission: createAdmission(LIMITS, () => clock.ms),
    remoteAddress: createRemoteAddress([]),
    dpopAlgorithms: ['ES256', 'Ed25519'],
  })
  const send = (authorization: string | undefined, changes: Partial<FormRequest> & { body?: string } = {}) =>
    answer({
      authorization,
      contentType: 'application/x-www-form-urlencoded',
      forwardedFor: undefined,
      dpop: undefined,
      clientCert: undefined,
      path: '/oauth/introspect',
      peer: '192.0.2.1',
      readBody: async () => Buffer.from(changes.body ?? 'token=t'),
      ...changes,
    })
  return { clock, verified, asked, send }
}

const isCode = (code: string) => (error: unknown) => error instanceof ServiceError && error.code === code

describe('POST /oauth/introspect', () => {
  test('T22, S-15: without a credential, or with another scheme, it is 401 without an error code, and nothing is looked at', async () => {
    const { asked, verified, send } = open()
    for (const authorization of [undefined, '', 'Basic YTpi', 'verify:orders-api']) {
      const { status, headers, body } = await send(authorization)
      assert.equal(status, 401)
      assert.equal(headers['www-authenticate'], 'Bearer, DPoP algs="ES256 Ed25519"')
      assert.equal(headers['cache-control'], 'no-store')
      assert.ok(!body.includes('"error"'))
    }
    assert.deepEqual([asked, verified], [[], []])
  })

  test('T22: a caller whose token is refused, is none, or holds no scope for this is 401, in its own scheme (RFC 7662 section 2.3)', async () => {
    const { asked, send } = open()
    for (const [authorization, challenge] of [
      ['Bearer bad', 'Bearer error="invalid_token"'],
      ['Bearer a b', 'Bearer error="invalid_token"'],
      ['DPoP bad', 'DPoP error="invalid_token", algs="ES256 Ed25519"'],
      ['DPoP badproof', 'DPoP error="invalid_dpop_proof", algs="ES256 Ed25519"'],
      ['Bearer events.read', 'Bearer error="insufficient_scope"'],
    ] as const) {
      const { status, headers } = await send(authorization)
      assert.deepEqual([status, headers['www-authenticate']], [401, challenge])
    }
    assert.deepEqual(asked, [])
  })

  test('a server that does not know what has been revoked says so, and not that a token is active', async () => {
    const { send } = open()
    await assert.rejects(send('Bearer stale'), isCode('store_unavailable'))
  })

  test('a form without the token, or that is no form, is a malformed request', async () => {
    const { send } = open()
    for (const body of ['', 'token=', 'tokens=t', 'token=a&token=b', 'token=%zz', 'token=a%00']) {
      await assert.rejects(send('Bearer verify.a', { body }), isCode('invalid_request'), body)
    }
    const json = send('Bearer verify.a', { contentType: 'application/json', body: '{"token":"t"}' })
    await assert.rejects(json, isCode('unsupported_media_type'))
  })

  test('S-13: an address that keeps sending refused tokens gets no more signature work, and others are not concerned', async () => {
    const { clock, verified, send } = open()
    for (let index = 0; index < 50; index += 1) assert.equal((await send('Bearer bad')).status, 401)
    for (const authorization of ['Bearer bad', 'Bearer verify.a', 'DPoP badproof']) {
      await assert.rejects(send(authorization), isCode('overloaded'))
    }
    assert.equal(verified.length, 50)
    assert.equal((await send('Bearer verify.a', { peer: '192.0.2.2' })).status, 200)
    // RFC 4291: one host has a /64 of addresses to choose from.
    for (let index = 0; index < 50; index += 1) await send('Bearer bad', { peer: `2001:db8::${index.toString(16)}` })
    await assert.rejects(send('Bearer bad', { peer: '2001:db8::ffff' }), isCode('overloaded'))
    clock.ms += 1_000
    assert.equal((await send('Bearer verify.a')).status, 200)
  })

  test('callers that are accepted are not limited by it', async () => {
    const { send, asked } = open()
    for (let index = 0; index < 500; index += 1) assert.equal((await send('Bearer verify.a')).status, 200)
    assert.equal(asked.length, 500)
  })

  test('a caller gets what may be told, never to be stored; token_type_hint is ignored', async () => {
    const { asked, send } = open()
    const { status, headers, body } = await send('Bearer verify.a', { body: 'token=t&token_type_hint=refresh_token' })
    assert.deepEqual([status, body, asked], [200, '{"active":false}', ['t']])
    assert.deepEqual(headers, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      pragma: 'no-cache',
    })
  })
})
