import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { importPKCS8, SignJWT } from 'jose'
import { CountersignError, type CountersignErrorCode, isCountersignError } from '../errors.ts'
import type { KeySource } from '../keys/index.ts'
import { ALGORITHMS, type Algorithm } from '../keys/index.ts'
import { encode, makeKey, signText, signToken } from '../signed-tokens.fixture.ts'
import { createTokenVerifier, type TokenVerifierOptions } from './token-verifier.ts'
import { parseUnverifiedToken, UnverifiedToken } from './unverified-token.ts'

const ISSUER = 'https://issuer.example'
const AUDIENCE = 'https://orders.acme.example'
const NOW = 1_800_000_000
const rsa = makeKey('RS256', 'rsa-1')
const ec = makeKey('ES256', 'ec-1')
const ed = makeKey('Ed25519', 'ed-1')
const jwks = { keys: [rsa.jwk, ec.jwk, ed.jwk] }
const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'workload', iat: NOW - 10, exp: NOW + 900, jti: 'j1' }

function makeVerifier(options: Partial<TokenVerifierOptions> = {}) {
  const source = options.keys === undefined && options.jwksUri === undefined ? { jwks } : {}
  return createTokenVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    now: () => new Date(NOW * 1000),
    ...source,
    ...options,
  })
}

const verifier = makeVerifier()

async function refuses(token: string, code: CountersignErrorCode, using = verifier): Promise<void> {
  await assert.rejects(using.verify(token), (error) => {
    assert.ok(isCountersignError(error), inspect(error))
    assert.equal(error.code, code, error.message)
    return true
  })
  assert.throws(() => using.verifySync(token), { code })
}

async function accepts(token: string, using = verifier): Promise<void> {
  assert.equal((await using.verify(token)).claims.iss, ISSUER)
  assert.equal(using.verifySync(token)?.claims.iss, ISSUER)
}

/** A key source that records what it is asked, as a network would. */
function recordingSource(): KeySource & { asked: (string | undefined)[] } {
  const asked: (string | undefined)[] = []
  return {
    asked,
    issuer: ISSUER,
    peek: () => undefined,
    async find(kid) {
      asked.push(kid)
      throw new Error('asked')
    },
    has: () => false,
    cachedKids: () => [],
    async prefetch() {},
    close() {},
  }
}

test('accepts a good token of each default algorithm and returns what the signature covers', async () => {
  for (const key of [rsa, ec, ed]) {
    const token = signToken(key, { ...claims, more: { a: [1, 'x'] } })
    const result = await verifier.verify(token)
    assert.deepEqual(result.claims, { ...claims, more: { a: [1, 'x'] } })
    assert.deepEqual(result.header, { typ: 'at+jwt', alg: key.alg, kid: key.kid })
    assert.equal(result.kid, key.kid)
    assert.match(result.keyThumbprint, /^[\w-]{43}$/)
    assert.deepEqual(verifier.verifySync(token), result)
  }
})

test('accepts tokens that another implementation signed', async () => {
  for (const key of [rsa, ec, ed]) {
    const pem = key.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
    const token = await new SignJWT({ scope: 'orders:read' })
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject('s')
      .setIssuedAt(NOW)
      .setExpirationTime(NOW + 60)
      .sign(await importPKCS8(pem, key.alg))
    await accepts(token)
  }
})

test('V-05: none in any spelling, HMAC and algorithms that are not configured are refused', async () => {
  for (const alg of [
    'none',
    'None',
    'NONE',
    'nOnE',
    'noNE',
    '',
    'HS256',
    'rs256',
    'RS256 ',
    'RS384',
    'EdDSA',
    'ES256K',
    '__proto__',
  ]) {
    await refuses(signToken(rsa, claims, { alg }), 'algorithm_refused')
    await refuses(`${encode({ alg, typ: 'at+jwt', kid: 'rsa-1' })}.${encode(claims)}.AAAA`, 'algorithm_refused')
  }
  await refuses(`${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(claims)}.`, 'signature_invalid')
})

test('V-06: an RSA public key never verifies an HMAC, in any of its encodings', async () => {
  const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: 'rsa-1' })}.${encode(claims)}`
  const asRs256 = `${encode({ alg: 'RS256', typ: 'at+jwt', kid: 'rsa-1' })}.${encode(claims)}`
  for (const secret of [
    rsa.publicKey.export({ format: 'pem', type: 'spki' }),
    rsa.publicKey.export({ format: 'pem', type: 'pkcs1' }),
    rsa.publicKey.export({ format: 'der', type: 'spki' }),
    JSON.stringify(rsa.jwk),
    rsa.jwk['n'] as string,
    Buffer.from(rsa.jwk['n'] as string, 'base64url'),
    '',
  ]) {
    await refuses(`${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`, 'algorithm_refused')
    await refuses(`${asRs256}.${createHmac('sha256', secret).update(asRs256).digest('base64url')}`, 'signature_invalid')
  }
})

test('V-06: every pair of key and claimed algorithm but the right one is refused', async () => {
  const algorithms = Object.keys(ALGORITHMS).filter((alg) => alg !== 'EdDSA') as Algorithm[]
  const keys = algorithms.map((alg) => makeKey(alg, alg))
  const all = makeVerifier({ jwks: { keys: keys.map((key) => key.jwk) }, algorithms })
  for (const signer of keys) {
    for (const alg of algorithms) {
      const asSigned = signToken(signer, claims, { alg, kid: signer.kid })
      if (alg === signer.alg) await accepts(asSigned, all)
      else {
        await assert.rejects(all.verify(asSigned), { code: 'algorithm_refused' })
        await assert.rejects(all.verify(signToken(signer, claims, { alg, kid: alg })), { code: 'signature_invalid' })
      }
    }
  }
})

test('V-07: a kid that injects, a kid of another key, and a missing one are refused', async () => {
  for (const kid of [
    '../../../../dev/null',
    '/dev/null',
    '|sleep 10',
    "x' UNION SELECT '1';--",
    '__proto__',
    'RSA-1',
    'rsa-1\u0000',
    'https://evil.example/jwks.json',
  ]) {
    await assert.rejects(verifier.verify(signToken(rsa, claims, { kid })), { code: 'key_unknown' })
    assert.equal(verifier.verifySync(signToken(rsa, claims, { kid })), undefined)
  }
  await refuses(signToken(rsa, claims, { kid: '' }), 'token_malformed')
  await refuses(signToken(rsa, claims, { kid: 'k'.repeat(257) }), 'token_malformed')
  await assert.rejects(verifier.verify(signToken(rsa, claims, { kid: 'ec-1' })), { code: 'algorithm_refused' })
  await assert.rejects(verifier.verify(signToken(rsa, claims, { kid: undefined })), { code: 'key_unknown' })
  await accepts(signToken(rsa, claims, { kid: undefined }), makeVerifier({ jwks: { keys: [rsa.jwk] } }))
})

test('V-08, V-12, V-13: keys in the header, crit, b64, zip and nesting are refused, and nothing is looked up', async () => {
  const keys = recordingSource()
  const using = makeVerifier({ keys })
  const own = makeKey('ES256', 'own')
  for (const extra of [
    { jwk: own.jwk },
    { jku: 'https://evil.example/jwks.json' },
    { x5u: 'https://evil.example/cert.pem' },
    { x5c: ['MII'] },
    { crit: ['exp'] },
    { crit: [] },
    { b64: false },
    { zip: 'DEF' },
    { cty: 'JWT' },
    { enc: 'A128GCM' },
  ]) {
    await refuses(signToken(own, claims, extra), 'token_unsupported', using)
  }
  assert.deepEqual(keys.asked, [])
})

test('V-11: signatures of zeros, and of the group order, are refused', async () => {
  const input = `${encode({ alg: 'ES256', typ: 'at+jwt', kid: 'ec-1' })}.${encode(claims)}`
  const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
  for (const hex of [
    '00'.repeat(64),
    order + order,
    '00'.repeat(32) + order,
    `${'00'.repeat(31)}01${'00'.repeat(32)}`,
    'ff'.repeat(64),
    '00',
    '00'.repeat(63),
    '00'.repeat(65),
    '3006020100020100',
  ]) {
    await refuses(`${input}.${Buffer.from(hex, 'hex').toString('base64url')}`, 'signature_invalid')
  }
})

test('V-14: a token of one kind is never taken for another', async () => {
  const kinds = ['at+jwt', 'secevent+jwt', 'statuslist+jwt', 'wit+jwt', 'dpop+jwt', 'JWT', 'countersign-receipt+jwt']
  for (const expected of kinds) {
    const using = makeVerifier({ typ: expected })
    for (const typ of kinds) {
      const token = signToken(ec, claims, { typ })
      if (typ === expected) {
        await accepts(token, using)
        await accepts(signToken(ec, claims, { typ: `application/${typ.toUpperCase()}` }), using)
      } else await refuses(token, 'token_type_refused', using)
    }
    await refuses(signToken(ec, claims, { typ: undefined }), 'token_type_refused', using)
    await refuses(signToken(ec, claims, { typ: `x/${expected}` }), 'token_type_refused', using)
  }
  const external = makeVerifier({ typ: ['JWT', undefined] })
  await accepts(signToken(ec, claims, { typ: undefined }), external)
  await accepts(signToken(ec, claims, { typ: 'jwt' }), external)
  await refuses(signToken(ec, claims, { typ: 'at+jwt' }), 'token_type_refused', external)
})

test('V-15, T16: the issuer is compared exactly, and its keys are its own', async () => {
  for (const iss of [
    `${ISSUER}/`,
    'https://issuer.exampl',
    `${ISSUER}.evil.example`,
    'https://ISSUER.example',
    'http://issuer.example',
    ` ${ISSUER}`,
    '',
  ]) {
    await refuses(signToken(ec, { ...claims, iss }), 'issuer_mismatch')
  }
  for (const iss of [[ISSUER], { 0: ISSUER }, 1, null, true])
    await refuses(signToken(ec, { ...claims, iss }), 'claim_invalid')
  await refuses(signToken(ec, { ...claims, iss: undefined }), 'claim_missing')
  // Two issuers with one kid: the key that counts is the configured issuer's.
  await refuses(signToken(makeKey('ES256', 'ec-1'), claims), 'signature_invalid')
  const foreign = { ...recordingSource(), issuer: 'https://other.example' }
  assert.throws(() => makeVerifier({ keys: foreign }), { code: 'configuration_invalid' })
})

test('V-16, T13, T15: the audience is required and compared exactly', async () => {
  for (const aud of [
    `${AUDIENCE}/`,
    'https://orders.acme',
    `${AUDIENCE}.evil.example`,
    'HTTPS://orders.acme.example',
    '',
    '*',
    ['https://other.example'],
    [`${AUDIENCE}/x`],
  ]) {
    await refuses(signToken(ec, { ...claims, aud }), 'audience_mismatch')
  }
  for (const aud of [[], 1, null, {}, [1], [AUDIENCE, 1], [[AUDIENCE]], true]) {
    await refuses(signToken(ec, { ...claims, aud }), 'claim_invalid')
  }
  await refuses(signToken(ec, { ...claims, aud: undefined }), 'claim_missing')
  await accepts(signToken(ec, { ...claims, aud: [AUDIENCE] }))
  const several = signToken(ec, { ...claims, aud: ['https://other.example', AUDIENCE] })
  await refuses(several, 'audience_mismatch')
  await refuses(signToken(ec, { ...claims, aud: [AUDIENCE, AUDIENCE] }), 'audience_mismatch')
  const kubernetes = makeVerifier({ allowMultipleAudiences: true })
  await accepts(several, kubernetes)
  await refuses(signToken(ec, { ...claims, aud: ['https://other.example', 'x'] }), 'audience_mismatch', kubernetes)
})

test('V-17, T14: expiry is required and a real number', async () => {
  await refuses(signToken(ec, { ...claims, exp: undefined }), 'claim_missing')
  for (const exp of ['1800000900', null, true, [NOW + 1], {}, -1, 2 ** 53]) {
    await refuses(signToken(ec, { ...claims, exp }), 'claim_invalid')
  }
  const text = JSON.stringify(claims)
  for (const literal of ['1e999', '-1e999', '9007199254740993']) {
    await refuses(signToken(ec, text.replace(`"exp":${claims.exp}`, `"exp":${literal}`)), 'token_malformed')
  }
  for (const name of ['iat', 'nbf'] as const) {
    for (const value of ['1', null, true, [], -1, 2 ** 53]) {
      await refuses(signToken(ec, { ...claims, [name]: value }), 'claim_invalid')
    }
  }
})

test('V-17: times are compared with a tolerance of 30 seconds, 60 at the most', async () => {
  await accepts(signToken(ec, { ...claims, exp: NOW - 29 }))
  await refuses(signToken(ec, { ...claims, iat: NOW - 100, exp: NOW - 30 }), 'token_expired')
  await refuses(signToken(ec, { ...claims, iat: 0, exp: 1 }), 'token_expired')
  await accepts(signToken(ec, { ...claims, nbf: NOW + 30, iat: NOW + 30 }))
  await refuses(signToken(ec, { ...claims, nbf: NOW + 31 }), 'token_not_yet_valid')
  await refuses(signToken(ec, { ...claims, iat: NOW + 31 }), 'token_not_yet_valid')
  const exact = makeVerifier({ clockToleranceSeconds: 0 })
  await refuses(signToken(ec, { ...claims, exp: NOW }), 'token_expired', exact)
  await accepts(signToken(ec, { ...claims, exp: NOW + 1 }), exact)
  for (const clockToleranceSeconds of [61, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => makeVerifier({ clockToleranceSeconds }), { code: 'configuration_invalid' })
  }
})

test('V-17: a lifetime longer than allowed is refused, with and without iat', async () => {
  await refuses(signToken(ec, { ...claims, iat: NOW, exp: NOW + 86_401 }), 'token_lifetime_exceeded')
  await accepts(signToken(ec, { ...claims, iat: NOW, exp: NOW + 86_400 }))
  await refuses(signToken(ec, { ...claims, iat: undefined, exp: 253_402_300_799 }), 'token_lifetime_exceeded')
  const short = makeVerifier({ maxLifetimeSeconds: 600 })
  await refuses(signToken(ec, { ...claims, iat: NOW - 500, exp: NOW + 101 }), 'token_lifetime_exceeded', short)
  await refuses(signToken(ec, { ...claims, iat: undefined, exp: NOW + 631 }), 'token_lifetime_exceeded', short)
  await accepts(signToken(ec, { ...claims, iat: undefined, exp: NOW + 600 }), short)
})

test('V-17: a clock that is broken refuses everything', async () => {
  await refuses(signToken(ec, claims), 'token_expired', makeVerifier({ now: () => new Date(Number.NaN) }))
})

test('V-18: the subject is required, a string, and at most 2048 bytes', async () => {
  for (const sub of [undefined, null, '', 1, ['s'], {}, 's'.repeat(2049), 'é'.repeat(1025)]) {
    await refuses(signToken(ec, { ...claims, sub }), 'subject_invalid')
  }
  await accepts(signToken(ec, { ...claims, sub: 's'.repeat(2048) }))
  const optional = makeVerifier({ requireSubject: false })
  await accepts(signToken(ec, { ...claims, sub: undefined }), optional)
  await refuses(signToken(ec, { ...claims, sub: '' }), 'subject_invalid', optional)
})

test('V-25, T4: nothing is looked up for an unsigned, malformed, foreign or wrong-kind token', async () => {
  const keys = recordingSource()
  const using = makeVerifier({ keys })
  const good = signToken(ec, claims)
  const [header = '', payload = ''] = good.split('.')
  for (const token of [
    `${header}.${payload}.`,
    `${header}.${payload}`,
    signToken(ec, { ...claims, iss: 'https://evil.example' }),
    signToken(ec, { ...claims, iss: 'http://localhost:3000?https://issuer.example' }),
    signToken(ec, { ...claims, iss: undefined }),
    signToken(ec, claims, { alg: 'none' }),
    signToken(ec, claims, { typ: 'JWT' }),
    signToken(ec, `${JSON.stringify(claims).slice(0, -1)},"iss":"https://evil.example"}`),
    signToken(ec, 'not JSON'),
  ]) {
    await assert.rejects(using.verify(token), isCountersignError)
  }
  assert.deepEqual(keys.asked, [])
})

test('V-25: the signature is checked before any claim but the issuer', async () => {
  const other = makeKey('ES256', 'ec-1')
  for (const change of [{ exp: 1 }, { aud: 'x' }, { sub: '' }, { exp: undefined }, { iat: NOW + 99 }]) {
    await refuses(signToken(other, { ...claims, ...change }), 'signature_invalid')
  }
})

test('T16, T7: two payloads in one token cannot be told apart by readers', async () => {
  const text = JSON.stringify(claims)
  for (const doubled of [
    text.replace('{', '{"sub":"admin",'),
    text.replace('{', '{"s\\u0075b":"admin",'),
    `${text.slice(0, -1)},"aud":"x"}`,
    text.replace('{', '{"__proto__":{"admin":true},'),
    `\ufeff${text}`,
    text.replace('workload', '\\ud800'),
  ]) {
    await refuses(signToken(ec, doubled), 'token_malformed')
  }
})

test('V-24: any change of one byte of a valid token is refused', async () => {
  const tokens = [rsa, ec, ed].map((key) => signToken(key, claims))
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...tokens),
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      async (token, at, byte) => {
        const bytes = Buffer.from(token, 'latin1')
        const index = at % bytes.length
        if (bytes[index] === byte) return
        bytes[index] = byte
        await assert.rejects(verifier.verify(bytes.toString('latin1')), isCountersignError)
      },
    ),
    { numRuns: 3000 },
  )
})

test('V-24: 10,000 mutated tokens give 10,000 typed refusals that hold nothing of them', async () => {
  const canary = 'c4n4ry-value'
  const token = signToken(ec, { ...claims, secret: canary })
  const [header = '', payload = '', signature = ''] = token.split('.')
  let seed = 42
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff
    return seed % below
  }
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ {}"\n\u0000é'
  const pick = () => alphabet.charAt(random(alphabet.length))
  const mutate = (text: string): string => {
    const at = random(text.length)
    switch (random(6)) {
      case 0:
        return text.slice(0, at) + pick() + text.slice(at + 1)
      case 1:
        return text.slice(0, at) + text.slice(at + 1 + random(8))
      case 2:
        return text.slice(0, at) + pick().repeat(1 + random(20)) + text.slice(at)
      case 3:
        return text.slice(0, at)
      case 4:
        return [header, payload, signature]
          .map((part) => (random(2) ? part : part.slice(random(part.length))))
          .join('.')
      default: {
        const json = Buffer.from(payload, 'base64url').toString()
        const cut = random(json.length)
        return `${header}.${encode(json.slice(0, cut) + pick() + json.slice(cut + random(2)))}.${signature}`
      }
    }
  }
  for (let i = 0; i < 10_000; i++) {
    const mutated = mutate(token)
    if (mutated === token) continue
    try {
      verifier.verifySync(mutated)
      if (verifier.verifySync(mutated) !== undefined) assert.fail('accepted')
      await verifier.verify(mutated)
      assert.fail('accepted')
    } catch (error) {
      assert.ok(isCountersignError(error), inspect(error))
      const shown = JSON.stringify(error) + error.message + inspect(error.cause)
      assert.ok(!shown.includes(canary) && !shown.includes(signature.slice(0, 12)) && !shown.includes('acme'))
    }
  }
})

test('V-21: no error holds a token or a claim value', async () => {
  const marked = { ...claims, iss: 'https://c4n4ry.example', sub: 'c4n4ry', aud: 'c4n4ry', jti: 'c4n4ry' }
  const tokens = [
    signToken(ec, marked),
    signToken(ec, { ...marked, iss: ISSUER }),
    signToken(ec, { ...marked, iss: ISSUER, aud: AUDIENCE, exp: 'c4n4ry' }),
    signToken(ec, marked, { kid: 'c4n4ry' }),
    signToken(ec, marked, { typ: 'c4n4ry' }),
    signToken(ec, marked, { alg: 'c4n4ry' }),
    signToken(ec, 'c4n4ry'),
    signToken(ec, '{"c4n4ry":1,"c4n4ry":2}'),
    'c4n4ry',
  ]
  for (const token of tokens) {
    const error: unknown = await verifier.verify(token).catch((caught: unknown) => caught)
    assert.ok(isCountersignError(error))
    assert.doesNotMatch(inspect(error, { depth: 9 }) + JSON.stringify(error), /c4n4ry/)
    assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(error))), ['name', 'code', 'message', 'retryable'])
  }
})

test('repeated tokens: remembered only when asked, frozen, and checked again at each use', async () => {
  let now = NOW
  const set = { keys: [ec.jwk, rsa.jwk] }
  let present = true
  const key = makeVerifier().verifySync(signToken(ec, claims))
  assert.ok(key)
  const inner = (await import('../keys/index.ts')).createStaticKeySet(set)
  const keys: KeySource = {
    ...inner,
    peek: (kid, alg) => (present ? inner.peek(kid, alg) : undefined),
    find: inner.find,
  }
  const using = makeVerifier({ keys, cache: true, now: () => new Date(now * 1000) })
  const token = signToken(ec, { ...claims, nested: { list: [1] } })
  const first = await using.verify(token)
  assert.equal(await using.verify(token), first)
  assert.equal(using.verifySync(token), first)
  assert.throws(() => {
    ;(first.claims as { sub: string }).sub = 'admin'
  }, TypeError)
  assert.ok(Object.isFrozen(first.claims['nested']))
  now = claims.exp + 30
  await refuses(token, 'token_expired', using)
  now = claims.iat - 31
  await refuses(token, 'token_not_yet_valid', using)
  now = NOW
  present = false
  assert.equal(using.verifySync(token), undefined)
  present = true
  const changed = `${token.slice(0, -8)}AAAAAAAA`
  await refuses(changed, 'signature_invalid', using)
  const plain = makeVerifier()
  assert.notEqual(plain.verifySync(token), plain.verifySync(token))
})

test('repeated tokens: the memory is bounded and refusals are not remembered', async () => {
  const using = makeVerifier({ cache: true, cacheEntries: 2 })
  const tokens = Array.from({ length: 8 }, (_, i) => signToken(ed, { ...claims, jti: String(i) }))
  const first = await using.verify(tokens[0] ?? '')
  for (const token of tokens) await using.verify(token)
  assert.notEqual(await using.verify(tokens[0] ?? ''), first)
  for (let i = 0; i < 3; i++) await refuses(signToken(ed, { ...claims, aud: 'x' }), 'audience_mismatch', using)
})

test('options that would check less than they seem to are refused', () => {
  for (const bad of [
    // Ignored, these would be a check that nobody makes.
    { revocation: { checkSync() {}, check() {} } },
    { algorithm: ['ES256'] },
    { issuer: '' },
    { issuer: undefined },
    { audience: '' },
    { audience: undefined },
    { audience: ['a'] },
    { algorithms: [] },
    { algorithms: ['HS256'] },
    { algorithms: ['none'] },
    { typ: '' },
    { typ: [] },
    { typ: [1] },
    { maxLifetimeSeconds: 0 },
    { maxLifetimeSeconds: Number.NaN },
    { maxLifetimeSeconds: Number.POSITIVE_INFINITY },
    { jwksUri: 'https://issuer.example/jwks', jwks },
    { cache: true, cacheEntries: 0 },
    { cache: true, cacheEntries: Number.NaN },
  ]) {
    assert.throws(() => makeVerifier(bad as never), { code: 'configuration_invalid' }, JSON.stringify(bad))
  }
  for (const issuer of ['http://issuer.example', 'issuer.example', 'https://127.0.0.1@evil.example']) {
    assert.throws(() => createTokenVerifier({ issuer, audience: AUDIENCE }), { code: 'url_refused' })
  }
  assert.throws(() => makeVerifier({ jwks: { keys: [ec.jwk, ec.jwk] } }), { code: 'key_set_invalid' })
})

test('a signature over another header or payload does not carry over', async () => {
  const [header, , signature] = signToken(ec, claims).split('.')
  await refuses(`${header}.${encode({ ...claims, sub: 'admin' })}.${signature}`, 'signature_invalid')
  const input = `${encode({ typ: 'at+jwt', alg: 'ES256', kid: 'ec-1', x: 1 })}.${encode(claims)}`
  await refuses(`${input}.${signature}`, 'signature_invalid')
  await accepts(`${input}.${signText(ec, input).toString('base64url')}`)
})

test('V-24: what is no token at all is refused with a typed error, by both forms', async () => {
  const jwks = { keys: [{ ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid: 'a' }] } as never
  const verifier = createTokenVerifier({ issuer: 'https://a.example', audience: 'b', jwks })
  for (const input of [undefined, null, 7, {}, [], { text: 'a.b.c' }, Object.create(UnverifiedToken.prototype)]) {
    await assert.rejects(verifier.verify(input as never), CountersignError)
    assert.throws(() => verifier.verifySync(input as never), CountersignError)
  }
})

test('a token that was read before is verified as if it had been given as text, and cannot be changed in between (T7)', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'a' }] } as never
  const verifier = createTokenVerifier({ issuer: 'https://a.example', audience: 'b', jwks })
  const now = Math.floor(Date.now() / 1000)
  const text = await new SignJWT({ aud: ['b'], scope: 's' })
    .setProtectedHeader({ alg: 'Ed25519', typ: 'at+jwt', kid: 'a' })
    .setIssuer('https://a.example')
    .setSubject('c')
    .setIssuedAt(now)
    .setExpirationTime(now + 60)
    .sign(privateKey)
  const read = parseUnverifiedToken(text)
  const audiences = read.unverifiedText('aud') as string[]
  audiences.push('evil')
  assert.deepEqual(read.unverifiedText('aud'), ['b'])
  assert.ok(read.isOf(text))
  assert.equal(Object.keys(read).length, 0)
  assert.deepEqual((await verifier.verify(read)).claims, (await verifier.verify(text)).claims)
  const forged = parseUnverifiedToken(`${text.slice(0, -6)}AAAAAA`)
  await assert.rejects(verifier.verify(forged), CountersignError)
})
