import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CountersignErrorCode, isCountersignError } from '../errors.ts'
import { parseCompactJws } from '../jws/index.ts'
import { encode, makeKey, signToken, type TestKey } from '../signed-tokens.fixture.ts'
import { createDpopKey, createDpopNonces, createDpopVerifier, type DpopProofPresentation } from './index.ts'

const NOW = 1_800_000_000
const URL_OF_ORDERS = 'https://orders.acme.example/orders/7'
const TOKEN = 'aaaa.bbbb.cccc'
const ec = makeKey('ES256', 'ec')
const ed = makeKey('Ed25519', 'ed')

function publicJwk(key: TestKey) {
  const { kid: _kid, alg: _alg, use: _use, ...members } = key.jwk
  return members
}

const goodClaims = {
  jti: 'proof-1',
  htm: 'GET',
  htu: URL_OF_ORDERS,
  iat: NOW - 1,
  ath: hash('sha256', TOKEN, 'base64url'),
}

function sign(changes: object = {}, header: object = {}, key = ec): string {
  const full = { typ: 'dpop+jwt', kid: undefined, jwk: publicJwk(key), ...header }
  return signToken(key, { ...goodClaims, ...changes }, full)
}

const verifierAt = (seconds: () => number, options = {}) =>
  createDpopVerifier({ now: () => new Date(seconds() * 1000), ...options })

function verify(presentation: Partial<DpopProofPresentation>, options = {}) {
  return verifierAt(() => NOW, options).verify({
    proof: sign(),
    method: 'GET',
    url: URL_OF_ORDERS,
    accessToken: TOKEN,
    ...presentation,
  })
}

function refuses(act: () => unknown, code: CountersignErrorCode = 'dpop_proof_invalid', reason = /./): void {
  assert.throws(act, (error) => {
    assert.ok(isCountersignError(error), String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, reason)
    return true
  })
}

// RFC 9449 sections 4.1 (figure 2) and 7.1 (figure 13).
const RFC_TOKEN_PROOF =
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg'
const RFC_RESOURCE_PROOF =
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA'
const RFC_ACCESS_TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'
const RFC_THUMBPRINT = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'

test('V-22: the example proofs of RFC 9449 pass at their time and no other, for their target and no other', () => {
  const at = (seconds: number) => verifierAt(() => seconds)
  const tokenRequest = { proof: RFC_TOKEN_PROOF, method: 'POST', url: 'https://server.example.com/token' }
  const result = at(1562262617).verify(tokenRequest)
  assert.equal(result.jkt, RFC_THUMBPRINT)
  assert.equal(result.jti, '-BwC3ESc6acc2lTc')
  assert.equal(result.issuedAt.getTime(), 1562262616_000)
  assert.equal(result.validUntil.getTime(), 1562262676_000)
  const resourceRequest = {
    proof: RFC_RESOURCE_PROOF,
    method: 'GET',
    url: 'https://resource.example.org/protectedresource',
    accessToken: RFC_ACCESS_TOKEN,
    thumbprint: RFC_THUMBPRINT,
  }
  assert.equal(at(1562262620).verify(resourceRequest).jkt, RFC_THUMBPRINT)
  for (const seconds of [1562262616 + 60, 1562262616 - 31, Number.NaN, Number.POSITIVE_INFINITY]) {
    refuses(() => at(seconds).verify(tokenRequest))
  }
  refuses(() => at(1562262617).verify({ ...tokenRequest, method: 'GET' }))
  refuses(() => at(1562262617).verify({ ...tokenRequest, url: 'https://server.example.com/token2' }))
  refuses(() => at(1562262617).verify({ ...tokenRequest, accessToken: RFC_ACCESS_TOKEN }))
  refuses(() => at(1562262620).verify({ ...resourceRequest, accessToken: `${RFC_ACCESS_TOKEN}x` }))
  refuses(
    () => at(1562262620).verify({ ...resourceRequest, thumbprint: result.jkt.replace('0', '1') }),
    'sender_constraint_failed',
  )
})

test('V-22: every claim that is missing, of another type, or altered is refused', () => {
  const bad: [object, RegExp][] = [
    [{ jti: undefined }, /"jti"/],
    [{ jti: '' }, /"jti"/],
    [{ jti: 7 }, /"jti"/],
    [{ jti: 'x'.repeat(257) }, /"jti"/],
    [{ htm: undefined }, /method/],
    [{ htm: 'get' }, /method/],
    [{ htm: 'POST' }, /method/],
    [{ htm: ['GET'] }, /method/],
    [{ htu: undefined }, /target/],
    [{ htu: 'https://orders.acme.example/orders/8' }, /target/],
    [{ htu: 'http://orders.acme.example/orders/7' }, /target/],
    [{ htu: 'https://orders.acme.example:8443/orders/7' }, /target/],
    [{ htu: 'https://evil.example/orders/7' }, /target/],
    [{ htu: '/orders/7' }, /target/],
    [{ htu: [URL_OF_ORDERS] }, /target/],
    [{ htu: `${URL_OF_ORDERS}/` }, /target/],
    [{ htu: 'https://orders.acme.example/Orders/7' }, /target/],
    [{ htu: 'https://orders.acme.example/orders%2F7' }, /target/],
    [{ htu: 'https://user@orders.acme.example/orders/7' }, /target/],
    [{ htu: 'https://orders.acme.example\\orders\\7' }, /target/],
    [{ htu: ` ${URL_OF_ORDERS}` }, /target/],
    [{ iat: undefined }, /"iat"/],
    [{ iat: String(NOW) }, /"iat"/],
    [{ iat: -1 }, /"iat"/],
    [{ iat: true }, /"iat"/],
    [{ iat: NOW - 60 }, /too old/],
    [{ iat: NOW + 31 }, /future/],
    [{ ath: undefined }, /another token/],
    [{ ath: '' }, /another token/],
    [{ ath: 7 }, /another token/],
    [{ ath: hash('sha256', `${TOKEN} `, 'base64url') }, /another token/],
    [{ ath: hash('sha256', TOKEN, 'hex') }, /another token/],
    [{ ath: `${goodClaims.ath}=` }, /another token/],
    [{ exp: NOW - 31 }, /expired/],
    [{ exp: 'never' }, /"exp"/],
    [{ nbf: NOW + 31 }, /not valid yet/],
  ]
  for (const [changes, reason] of bad) refuses(() => verify({ proof: sign(changes) }), 'dpop_proof_invalid', reason)
  for (const fine of [{ iat: NOW - 59 }, { iat: NOW + 30 }, { more: { a: 1 } }, { exp: NOW + 5, nbf: NOW }]) {
    assert.equal(verify({ proof: sign(fine) }).jti, 'proof-1')
  }
  for (const changes of [{ method: 'POST' }, { method: 'get' }, { url: `${URL_OF_ORDERS}0` }, { url: '/orders/7' }]) {
    refuses(() => verify(changes))
  }
  refuses(() => verify({ method: undefined as unknown as string, proof: sign({ htm: undefined }) }))
})

test('V-22: the target is compared normalised, without query and fragment, and never further than that', () => {
  const same = [
    'HTTPS://ORDERS.ACME.EXAMPLE/orders/7',
    'https://orders.acme.example:443/orders/7',
    'https://orders.acme.example/orders/./x/../7',
    'https://orders.acme.example/%6frders/%37',
    `${URL_OF_ORDERS}?limit=5`,
    `${URL_OF_ORDERS}#part`,
  ]
  for (const htu of same) assert.ok(verify({ proof: sign({ htu }) }))
  for (const url of same) assert.ok(verify({ url }))
  assert.ok(verify({ proof: sign({ htu: 'https://a.example' }), url: 'https://a.example/' }))
  assert.ok(verify({ proof: sign({ htu: 'https://a.example/%e2%82%ac' }), url: 'https://a.example/%E2%82%AC' }))
  assert.ok(verify({ proof: sign({ htu: 'https://a.example/a%2fb' }), url: 'https://a.example/a%2Fb' }))
})

test('V-22, V-05: none, symmetric and other algorithms, types and headers are refused', () => {
  const jwk = publicJwk(ec)
  const input = `${encode({ typ: 'dpop+jwt', alg: 'HS256', jwk })}.${encode(goodClaims)}`
  const mac = createHmac('sha256', JSON.stringify(jwk)).update(input).digest('base64url')
  refuses(() => verify({ proof: `${input}.${mac}` }), 'dpop_proof_invalid', /algorithm/)
  refuses(() => verify({ proof: `${encode({ typ: 'dpop+jwt', alg: 'none', jwk })}.${encode(goodClaims)}.` }))
  refuses(() => verify({ proof: `${encode({ typ: 'dpop+jwt', alg: 'none', jwk })}.${encode(goodClaims)}.AAAA` }))
  const symmetric = { kty: 'oct', k: encode('0123456789abcdef0123456789abcdef') }
  const bad: [object, RegExp][] = [
    [{ typ: undefined }, /type/],
    [{ typ: 'JWT' }, /type/],
    [{ typ: 'at+jwt' }, /type/],
    [{ typ: 'dpop+jwt2' }, /type/],
    [{ alg: 'es256' }, /algorithm/],
    [{ alg: 'ES384' }, /algorithm/],
    [{ alg: 'RS256' }, /algorithm/],
    [{ alg: 'EdDSA' }, /algorithm/],
    [{ alg: 'Ed25519' }, /key/],
    [{ jwk: undefined }, /no key/],
    [{ jwk: 'x' }, /no key/],
    [{ jwk: [jwk] }, /no key/],
    [{ jwk: null }, /no key/],
    [{ jwk: symmetric }, /symmetric or private/],
    [{ jwk: ec.privateKey.export({ format: 'jwk' }) }, /symmetric or private/],
    [{ jwk: { ...jwk, d: '' } }, /symmetric or private/],
    [{ jwk: { ...jwk, alg: 'ES384' } }, /kty/],
    [{ jwk: { ...jwk, use: 'enc' } }, /use/],
    [{ jwk: { ...jwk, key_ops: ['sign'] } }, /key_ops/],
    [{ jwk: { ...jwk, x: encode(Buffer.alloc(32, 1)) } }, /ec_point/],
    [{ jwk: { ...jwk, crv: 'P-384' } }, /algorithm_not_allowed/],
    [{ jwk: publicJwk(makeKey('ES256', 'other')) }, /signature/],
    [{ crit: ['exp'] }, /"crit"/],
    [{ b64: true }, /"b64"/],
    [{ jku: 'https://evil.example' }, /"jku"/],
    [{ x5c: [] }, /"x5c"/],
    [{ x5u: 'https://evil.example' }, /"x5u"/],
    [{ pad: 'x'.repeat(4000) }, /too large|larger/],
  ]
  for (const [header, reason] of bad) refuses(() => verify({ proof: sign({}, header) }), 'dpop_proof_invalid', reason)
  assert.ok(verify({ proof: sign({}, { typ: 'application/DPoP+jwt' }) }))
  assert.ok(verify({ proof: sign({}, {}, ed) }))
  const rsa = makeKey('PS256', 'rsa')
  refuses(() => verify({ proof: sign({}, {}, rsa) }), 'dpop_proof_invalid', /algorithm/)
  assert.ok(verify({ proof: sign({}, {}, rsa) }, { algorithms: ['RS256', 'PS256'] }))
})

test('V-08: a key in the header is accepted in proofs only, whatever has been read before', () => {
  const proof = sign()
  assert.ok(verify({ proof }))
  assert.throws(() => parseCompactJws(proof), { code: 'token_unsupported' })
  assert.ok(verify({ proof }))
})

test('V-22: exactly one proof, of bounded size', () => {
  const proof = sign()
  for (const several of [undefined, [], [proof, proof], [proof, sign({ jti: '2' })], [undefined], [7], {}, 7, null]) {
    refuses(() => verify({ proof: several as string }))
  }
  for (const text of ['', 'x', '..', `${proof}, ${proof}`, `${proof},`, ` ${proof}`, `${proof}.x`, `${proof}\n`]) {
    refuses(() => verify({ proof: text }))
  }
  refuses(() => verify({ proof: sign({ pad: 'x'.repeat(8200) }) }), 'dpop_proof_invalid', /too large/)
  assert.ok(verify({ proof: [proof] }))
})

test('V-22, T39: a good proof by another key than the token is bound to is refused', () => {
  const stolenWith = makeKey('ES256', 'thief')
  const { jkt } = verify({})
  assert.ok(verify({ thumbprint: jkt }))
  refuses(() => verify({ proof: sign({}, {}, stolenWith), thumbprint: jkt }), 'sender_constraint_failed')
  for (const thumbprint of ['', jkt.slice(1), `${jkt}=`, jkt.toLowerCase()]) {
    refuses(() => verify({ thumbprint }), 'sender_constraint_failed')
  }
})

test('V-22: a proof is used once, also when its signature or its header is written anew', () => {
  let now = NOW
  const verifier = verifierAt(() => now)
  const present = (proof: string) => verifier.verify({ proof, method: 'GET', url: URL_OF_ORDERS, accessToken: TOKEN })
  present(sign())
  refuses(() => present(sign()), 'dpop_proof_replayed')
  refuses(() => present(sign({ iat: NOW })), 'dpop_proof_replayed')
  refuses(() => present(sign({}, { typ: 'application/dpop+jwt' })), 'dpop_proof_replayed')
  present(sign({ jti: 'proof-2' }))
  // The same jti of another key is another proof: nobody can use up another's.
  present(sign({}, {}, ed))
  now = NOW + 59 - 1
  refuses(() => present(sign()), 'dpop_proof_replayed')
  now = NOW + 59
  refuses(() => present(sign()), 'dpop_proof_invalid', /too old/)
})

test('V-22: a clock that is set ahead and back lets no proof in twice', () => {
  let now = NOW
  const verifier = verifierAt(() => now)
  const present = (changes: object) =>
    verifier.verify({ proof: sign(changes), method: 'GET', url: URL_OF_ORDERS, accessToken: TOKEN })
  present({})
  for (const ahead of [3600, 7200, 10_800]) {
    now = NOW + ahead
    present({ iat: now, jti: `ahead-${ahead}` })
  }
  now = NOW
  refuses(() => present({}), 'dpop_proof_replayed')
})

test('V-22: proofs that fail use nothing up, and a full memory refuses instead of forgetting', () => {
  const verifier = verifierAt(() => NOW, { replay: { maxProofs: 2 } })
  const present = (changes: object, thumbprint?: string) =>
    verifier.verify({
      proof: sign(changes),
      method: 'GET',
      url: URL_OF_ORDERS,
      accessToken: TOKEN,
      ...(thumbprint !== undefined && { thumbprint }),
    })
  for (let i = 0; i < 5; i++) refuses(() => present({ jti: `stranger-${i}` }, 'other'), 'sender_constraint_failed')
  present({ jti: '1' })
  present({ jti: '2' })
  refuses(() => present({ jti: '3' }), 'dpop_unavailable')
  refuses(() => present({ jti: '1' }), 'dpop_proof_replayed')
})

test('RFC 9449 section 9: a nonce that is asked for must be in the proof, the current one or the one before', () => {
  let now = NOW
  const nonces = createDpopNonces({ now: () => new Date(now * 1000), secret: Buffer.alloc(32, 7) })
  const first = nonces.current()
  assert.match(first, /^[\w-]{22}$/)
  assert.ok(verify({ proof: sign({ nonce: first }), nonce: nonces.accepted() }))
  assert.ok(verify({ proof: sign({ nonce: first }), nonce: first }))
  for (const nonce of [undefined, '', 7, `${first}x`, first.slice(1), [first]]) {
    refuses(() => verify({ proof: sign({ nonce }), nonce: nonces.accepted() }), 'dpop_nonce_mismatch')
  }
  refuses(() => verify({ proof: sign({ nonce: first }), nonce: [] }), 'dpop_nonce_mismatch')
  now += 300
  assert.notEqual(nonces.current(), first)
  assert.ok(nonces.accepted().includes(first))
  now += 300
  assert.equal(nonces.accepted().includes(first), false)
  const replica = createDpopNonces({ now: () => new Date(now * 1000), secret: Buffer.alloc(32, 7) })
  assert.equal(replica.current(), nonces.current())
  assert.notEqual(createDpopNonces().current(), createDpopNonces().current())
  for (const options of [{ secret: Buffer.alloc(31) }, { lifetimeSeconds: 0 }, { lifetimeSeconds: Number.NaN }]) {
    assert.throws(() => createDpopNonces(options), { code: 'configuration_invalid' })
  }
})

test('options that would weaken the verifier are refused', () => {
  for (const options of [
    { algorithms: [] },
    { algorithms: ['none'] },
    { algorithms: ['HS256'] },
    { maxAgeSeconds: 0 },
    { maxAgeSeconds: 601 },
    { maxAgeSeconds: Number.NaN },
    { clockToleranceSeconds: 61 },
    { clockToleranceSeconds: Number.NaN },
    { replay: { maxProofs: 0 } },
    { replay: { maxProofs: Number.POSITIVE_INFINITY } },
    { replay: { claimedByCaller: false as true } },
  ]) {
    assert.throws(() => createDpopVerifier(options), { code: 'configuration_invalid' })
  }
  const stateless = createDpopVerifier({ replay: { claimedByCaller: true }, now: () => new Date(NOW * 1000) })
  const once = { proof: sign(), method: 'GET', url: URL_OF_ORDERS, accessToken: TOKEN }
  assert.deepEqual(stateless.verify(once), stateless.verify(once))
})

test('the proofs of a key made here pass, and only for what they were made', () => {
  for (const alg of ['ES256', 'Ed25519'] as const) {
    const key = createDpopKey({ alg, now: () => new Date(NOW * 1000) })
    const verifier = verifierAt(() => NOW)
    const url = 'https://orders.acme.example:443/orders/%37?limit=5#x'
    const proof = key.proof({ method: 'GET', url, accessToken: TOKEN, nonce: 'n1' })
    const presentation = { method: 'GET', url: URL_OF_ORDERS, accessToken: TOKEN, nonce: 'n1' }
    const { jkt } = verifier.verify({ proof, thumbprint: key.thumbprint, ...presentation })
    assert.equal(jkt, key.thumbprint)
    assert.equal('d' in key.publicJwk, false)
    refuses(() => verifier.verify({ proof, ...presentation }), 'dpop_proof_replayed')
    assert.ok(
      verifier.verify({
        proof: key.proof({ method: 'POST', url: 'https://s.example/t' }),
        method: 'POST',
        url: 'https://s.example/t',
      }),
    )
    for (const bad of ['', '/orders', 'ftp://a.example/', 'https://a.example/\u20ac', 'https://u:p@a.example/']) {
      refuses(() => key.proof({ method: 'GET', url: bad }), 'url_refused')
    }
  }
  assert.throws(() => createDpopKey({ alg: 'RS256' as 'ES256' }), { code: 'configuration_invalid' })
  assert.equal(JSON.stringify(createDpopKey()).includes('"d"'), false)
})

test('V-24: no mutation of a proof is accepted, and each is refused by name', () => {
  const proof = sign()
  const { jkt } = verify({})
  const bytes = Buffer.from(proof)
  const mutation = fc.oneof(
    fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })).map(([at, byte]) => {
      const copy = Buffer.from(bytes)
      copy[at] = byte
      return copy.toString('latin1')
    }),
    fc.tuple(fc.nat(proof.length), fc.nat(proof.length)).map(([from, to]) => proof.slice(0, from) + proof.slice(to)),
    fc.string().map((text) => text + proof),
    fc.jsonValue({ maxDepth: 3 }).map((claims) => signToken(ec, claims, { typ: 'dpop+jwt', jwk: publicJwk(ec) })),
    fc.jsonValue({ maxDepth: 3 }).map((jwk) => sign({}, { jwk })),
  )
  fc.assert(
    fc.property(mutation, (text) => {
      if (text === proof) return
      assert.throws(() => verify({ proof: text, thumbprint: jkt }), { code: 'dpop_proof_invalid' })
    }),
    { numRuns: 2000 },
  )
})

test('a private key never gets into a message, and neither does a claim', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = privateKey.export({ format: 'jwk' })
  try {
    verify({ proof: sign({ jti: 'c4n4ry' }, { jwk }) })
    assert.fail('accepted')
  } catch (error) {
    assert.ok(isCountersignError(error))
    assert.equal(JSON.stringify(error).includes(String(jwk.d)), false)
    assert.doesNotMatch(String(error.stack), /c4n4ry/)
  }
})
