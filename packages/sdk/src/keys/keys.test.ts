import assert from 'node:assert/strict'
import { createHash, createHmac, generateKeyPairSync, verify } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { calculateJwkThumbprint } from 'jose'
import { isCountersignError } from '../errors.ts'
import type { JsonObject } from '../jws/index.ts'
import { encode, makeKey, signText } from '../signed-tokens.fixture.ts'
import { ALGORITHMS, type Algorithm, isAlgorithm, readAlgorithms } from './algorithms.ts'
import { ecdsaSignatureToDer } from './ecdsa.ts'
import { importJwk, readJwk } from './jwk.ts'
import { parseKeySet } from './key-set.ts'
import { verifySignature } from './signature.ts'
import { createStaticKeySet } from './static-key-set.ts'

const ALL = Object.keys(ALGORITHMS) as Algorithm[]
const rsa = makeKey('RS256', 'rsa')
const ec = makeKey('ES256', 'ec')
const ed = makeKey('Ed25519', 'ed')

function faultOf(jwk: JsonObject, algorithms: readonly Algorithm[] = ALL): string {
  const reading = readJwk(jwk, algorithms)
  return reading.ok ? 'usable' : reading.fault
}

function without(jwk: JsonObject, ...names: string[]): JsonObject {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !names.includes(name)))
}

function refuses(run: () => unknown, code: string): void {
  assert.throws(run, (error) => isCountersignError(error) && error.code === code)
}

const bytesOf = (value: bigint) => {
  const hex = value.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
}

test('V-05: no spelling of none, no HMAC and nothing inherited is an algorithm', () => {
  for (const name of [
    'none',
    'None',
    'NONE',
    'noNE',
    '',
    'HS256',
    'HS384',
    'HS512',
    'rs256',
    'es256',
    'RS256 ',
    'toString',
    '__proto__',
    'ed25519',
    'ES256K',
    'RSA1_5',
    1,
    null,
  ]) {
    assert.equal(isAlgorithm(name), false, String(name))
    refuses(() => readAlgorithms(['RS256', name] as string[]), 'configuration_invalid')
  }
  refuses(() => readAlgorithms([]), 'configuration_invalid')
  refuses(() => readAlgorithms('RS256' as never), 'configuration_invalid')
  assert.deepEqual(readAlgorithms(), ['ES256', 'RS256', 'Ed25519'])
})

test('V-06: one key has one algorithm: its own, or the first configured one that its type can serve', () => {
  assert.equal(faultOf(rsa.jwk, ['PS256']), 'algorithm_not_allowed')
  assert.equal(faultOf({ ...rsa.jwk, alg: 'ES256' }), 'kty')
  assert.equal(faultOf({ ...ec.jwk, alg: 'ES384' }), 'kty')
  assert.equal(faultOf({ ...ec.jwk, alg: 'RS256' }), 'kty')
  assert.equal(faultOf({ ...ed.jwk, alg: 'ES256' }), 'kty')
  for (const alg of ['HS256', 'none', 'RSA-OAEP', 'rs256', '', 1, null])
    assert.equal(faultOf({ ...rsa.jwk, alg }), 'alg')
  const bare = without(rsa.jwk, 'alg')
  assert.equal(importJwk(bare, ['RS256']).alg, 'RS256')
  assert.equal(importJwk(bare, ['PS256', 'RS256']).alg, 'PS256')
  assert.equal(importJwk(bare, ['ES256', 'RS384']).alg, 'RS384')
  assert.equal(faultOf(bare, ['ES256', 'Ed25519']), 'algorithm_not_allowed')
  assert.equal(importJwk(without(ec.jwk, 'alg'), ALL).alg, 'ES256')
})

test('V-06: EdDSA is an algorithm only where it is configured', () => {
  assert.equal(faultOf({ ...ed.jwk, alg: 'EdDSA' }, readAlgorithms()), 'algorithm_not_allowed')
  assert.equal(importJwk({ ...ed.jwk, alg: 'EdDSA' }, ['EdDSA']).alg, 'EdDSA')
  assert.equal(importJwk(without(ed.jwk, 'alg'), ['EdDSA']).alg, 'EdDSA')
  assert.equal(importJwk(without(ed.jwk, 'alg'), readAlgorithms()).alg, 'Ed25519')
})

test('V-07: a set with two keys of one kid is refused, also when one of them is unusable', () => {
  refuses(() => parseKeySet({ keys: [rsa.jwk, { ...ec.jwk, kid: 'rsa' }] }, ALL), 'key_set_invalid')
  refuses(() => parseKeySet({ keys: [rsa.jwk, { kty: 'x', kid: 'rsa', use: 'enc' }] }, ALL), 'key_set_invalid')
  refuses(
    () =>
      parseKeySet(
        {
          keys: [
            { kid: 'a', kty: 'x' },
            { kid: 'a', kty: 'y' },
          ],
        },
        ALL,
      ),
    'key_set_invalid',
  )
})

test('V-07: without a kid only the one usable key of a set is found', async () => {
  const one = createStaticKeySet({ keys: [rsa.jwk, { kty: 'RSA', use: 'enc' }] })
  assert.equal(one.peek(undefined, 'RS256')?.kid, 'rsa')
  assert.equal(one.peek(undefined, 'ES256'), undefined)
  const two = createStaticKeySet({ keys: [rsa.jwk, ec.jwk] })
  assert.equal(two.peek(undefined, 'RS256'), undefined)
  await assert.rejects(two.find(undefined, 'RS256'), { code: 'key_unknown' })
  const unnamed = createStaticKeySet({ keys: [without(rsa.jwk, 'kid')] })
  assert.equal(unnamed.peek('rsa', 'RS256'), undefined)
  assert.equal(unnamed.peek(undefined, 'RS256')?.alg, 'RS256')
})

test('V-07: a kid is an opaque string that is only compared', async () => {
  const set = createStaticKeySet({ keys: [rsa.jwk, ec.jwk] })
  for (const kid of [
    '',
    '../../../../dev/null',
    '/dev/null',
    '|sleep 10',
    "x' UNION SELECT '1';--",
    '__proto__',
    'constructor',
    'toString',
    'RSA',
    'rsa ',
    'rsa\u0000',
    '0',
  ]) {
    assert.equal(set.peek(kid, 'RS256'), undefined)
    assert.equal(set.has(kid), false)
    await assert.rejects(set.find(kid, 'RS256'), { code: 'key_unknown' })
  }
  await assert.rejects(set.find('rsa', 'ES256'), { code: 'algorithm_refused' })
  assert.deepEqual(set.cachedKids(), ['rsa', 'ec'])
})

test('V-09: only keys meant for signatures are used', () => {
  for (const use of ['enc', 'SIG', '', 'x509-svid', 1, null]) assert.equal(faultOf({ ...rsa.jwk, use }), 'use')
  for (const key_ops of [['sign'], [], ['Verify'], ['encrypt', 'wrapKey'], 'verify', { 0: 'verify' }, null]) {
    assert.equal(faultOf({ ...rsa.jwk, key_ops }), 'key_ops')
  }
  assert.equal(faultOf({ ...rsa.jwk, use: 'jwt-svid', key_ops: ['verify'] }), 'usable')
  assert.equal(faultOf(without(rsa.jwk, 'use')), 'usable')
})

test('V-09: a set that publishes a private or symmetric key is refused as a whole', () => {
  for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) {
    refuses(() => parseKeySet({ keys: [ec.jwk, { ...rsa.jwk, [name]: 'AQAB' }] }, ALL), 'key_set_invalid')
    refuses(() => importJwk({ ...rsa.jwk, [name]: '' }, ALL), 'key_invalid')
  }
  const oct = { kty: 'oct', k: encode('x'.repeat(32)), alg: 'HS256', kid: 'h' }
  refuses(() => parseKeySet({ keys: [rsa.jwk, oct] }, ALL), 'key_set_invalid')
  refuses(() => parseKeySet({ keys: [rsa.jwk, { kty: 'oct' }] }, ALL), 'key_set_invalid')
  refuses(() => importJwk(oct, ALL), 'key_invalid')
  const exported = ec.privateKey.export({ format: 'jwk' }) as JsonObject
  refuses(() => parseKeySet({ keys: [exported] }, ALL), 'key_set_invalid')
})

test('V-10: RSA keys are between 2048 and 8192 bits, odd, with an odd exponent of at least 65537', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }) as JsonObject
  assert.equal(faultOf(small), 'rsa_modulus_size')
  const n = Buffer.from(rsa.jwk['n'] as string, 'base64url')
  const shorter = Buffer.from(n)
  shorter[0] = 0x7f
  const even = Buffer.from(n)
  even[255] = (even[255] ?? 0) & 0xfe
  assert.equal(faultOf({ ...rsa.jwk, n: shorter.toString('base64url') }), 'rsa_modulus_size')
  assert.equal(faultOf({ ...rsa.jwk, n: even.toString('base64url') }), 'rsa_modulus_size')
  assert.equal(faultOf({ ...rsa.jwk, n: Buffer.alloc(1025, 0xff).toString('base64url') }), 'rsa_modulus_size')
  for (const e of ['AQ', 'Aw', 'EQ', 'AQAA', 'AQAC', Buffer.alloc(9, 0xff).toString('base64url')]) {
    assert.equal(faultOf({ ...rsa.jwk, e }), 'rsa_exponent', e)
  }
  const prefixed = Buffer.concat([Buffer.from([0]), n]).toString('base64url')
  for (const bad of ['', 'A', 'AAEAAQ', 'AQAB=', 'AQ AB', 1, null, ['AQAB']])
    assert.equal(faultOf({ ...rsa.jwk, e: bad }), 'encoding')
  for (const bad of ['', prefixed, `${rsa.jwk['n']}=`, 'x'.repeat(4000), null])
    assert.equal(faultOf({ ...rsa.jwk, n: bad }), 'encoding')
  assert.equal(faultOf(without(rsa.jwk, 'e')), 'encoding')
  assert.equal(faultOf(makeKey('RS256', 'big', 3072).jwk), 'usable')
})

test('V-10: the ROCA fingerprint is refused (CVE-2017-15361)', () => {
  const primes: bigint[] = []
  for (let n = 2n; primes.length < 100; n++) if (primes.every((prime) => n % prime !== 0n)) primes.push(n)
  const primorial = primes.reduce((product, prime) => product * prime, 1n)
  let power = 1n
  for (let i = 0; i < 12_345; i++) power = (power * 65537n) % primorial
  const modulus = power + primorial * ((1n << 2047n) / primorial + 1n)
  assert.equal(faultOf({ kty: 'RSA', n: bytesOf(modulus).toString('base64url'), e: 'AQAB' }), 'rsa_roca')
  for (let i = 0; i < 5; i++) assert.equal(faultOf(makeKey('RS256', 'fresh').jwk), 'usable')
})

test('V-10: EC points must be on their curve and have full-size coordinates', () => {
  const off = Buffer.from(ec.jwk['y'] as string, 'base64url')
  off[31] = (off[31] ?? 0) ^ 1
  assert.equal(faultOf({ ...ec.jwk, y: off.toString('base64url') }), 'ec_point')
  assert.equal(faultOf({ ...ec.jwk, x: encode(Buffer.alloc(32)), y: encode(Buffer.alloc(32)) }), 'ec_point')
  assert.equal(faultOf({ ...ec.jwk, x: encode(Buffer.alloc(32, 0xff)), y: encode(Buffer.alloc(32, 0xff)) }), 'ec_point')
  const wide = Buffer.concat([Buffer.alloc(1), Buffer.from(ec.jwk['x'] as string, 'base64url')])
  assert.equal(faultOf({ ...ec.jwk, x: wide.toString('base64url') }), 'encoding')
  assert.equal(faultOf({ ...ec.jwk, x: '' }), 'encoding')
  assert.equal(faultOf(without(ec.jwk, 'y')), 'encoding')
  const other = makeKey('ES384', 'other').jwk
  assert.equal(faultOf({ ...other, crv: 'P-256', alg: 'ES256' }), 'encoding')
  assert.equal(faultOf({ ...ec.jwk, crv: 'secp256k1' }), 'kty')
  assert.equal(faultOf({ ...ec.jwk, crv: ['P-256'] }), 'kty')
})

test('V-10: Ed25519 keys have 32 bytes and are not of small order', () => {
  const p = 2n ** 255n - 19n
  const power = (base: bigint, exponent: bigint) => {
    let result = 1n
    for (let b = base % p, e = exponent; e > 0n; e >>= 1n, b = (b * b) % p) if (e & 1n) result = (result * b) % p
    return result
  }
  const mod = (value: bigint) => ((value % p) + p) % p
  const d = mod(-121665n * power(121666n, p - 2n))
  // y of a doubled point from y alone: x^2 = (y^2-1)/(d y^2+1), and 2P has y = (y^2+x^2)/(2-y^2+x^2) on a = -1.
  const doubled = (y: bigint) => {
    const yy = mod(y * y)
    const xx = mod((yy - 1n) * power(mod(d * yy + 1n), p - 2n))
    return mod((yy + xx) * power(mod(2n - yy + xx), p - 2n))
  }
  const littleEndian = (y: bigint) => Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse()
  const order8 = [
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ].map((hex) => BigInt(`0x${Buffer.from(hex, 'hex').reverse().toString('hex')}`))
  for (const y of [0n, 1n, p - 1n, ...order8]) assert.equal(doubled(doubled(doubled(y))), 1n)
  for (const y of [0n, 1n, p - 1n, p, p + 1n, ...order8]) {
    for (const sign of [0, 0x80]) {
      const bytes = littleEndian(y)
      bytes[31] = (bytes[31] ?? 0) | sign
      assert.equal(faultOf({ kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }), 'ed25519_point')
    }
  }
  for (const x of [encode(Buffer.alloc(31, 7)), encode(Buffer.alloc(33, 7)), '', 'A', 7]) {
    assert.equal(faultOf({ ...ed.jwk, x }), 'encoding')
  }
  for (const crv of ['Ed448', 'X25519', 'ed25519']) assert.equal(faultOf({ ...ed.jwk, crv }), 'kty')
})

test('V-11: ECDSA signatures have the exact length and both numbers in range', () => {
  const orders = {
    ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    ES384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    ES512:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  }
  for (const [name, n] of Object.entries(orders)) {
    const alg = name as keyof typeof orders
    const size = { ES256: 32, ES384: 48, ES512: 66 }[alg]
    const raw = (r: bigint, s: bigint) =>
      Buffer.from(r.toString(16).padStart(size * 2, '0') + s.toString(16).padStart(size * 2, '0'), 'hex')
    for (const [r, s] of [
      [0n, 0n],
      [0n, 1n],
      [1n, 0n],
      [n, 1n],
      [1n, n],
      [n, n],
      [n + 1n, 1n],
      [1n, n + 5n],
    ] as const) {
      assert.equal(ecdsaSignatureToDer(alg, raw(r, s)), undefined)
    }
    assert.ok(ecdsaSignatureToDer(alg, raw(1n, 1n)))
    assert.ok(ecdsaSignatureToDer(alg, raw(n - 1n, n - 1n)))
    const key = makeKey(alg, 'k')
    const imported = importJwk(key.jwk, ALL)
    const input = Buffer.from('signed')
    for (const zero of [0, size * 2 - 1, size * 2, size * 2 + 1]) {
      assert.equal(verifySignature(imported, input, Buffer.alloc(zero)), false)
    }
    for (let i = 0; i < 40; i++) {
      const signature = signText(key, 'signed')
      assert.equal(verifySignature(imported, input, signature), true)
      const der = ecdsaSignatureToDer(alg, signature)
      assert.ok(der && verify(ALGORITHMS[alg].hash, input, key.publicKey, der))
      // What a lenient reader would take: DER on the wire, a byte more, a byte less, s replaced by n - s plus n.
      assert.equal(verifySignature(imported, input, der), false)
      assert.equal(verifySignature(imported, input, Buffer.concat([signature, Buffer.alloc(1)])), false)
      assert.equal(verifySignature(imported, input, signature.subarray(1)), false)
    }
  }
})

test('V-11: DER that is built is the DER that OpenSSL reads, for numbers of any length', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 255n }), fc.bigInt({ min: 1n, max: 2n ** 200n }), (r, s) => {
      const raw = Buffer.from(r.toString(16).padStart(64, '0') + s.toString(16).padStart(64, '0'), 'hex')
      const integer = (value: bigint) => {
        const bytes = bytesOf(value)
        const body = (bytes[0] ?? 0) > 127 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes
        return Buffer.concat([Buffer.from([2, body.length]), body])
      }
      const content = Buffer.concat([integer(r), integer(s)])
      // Memory that is taken from the pool next holds this: a byte that is not written shows.
      for (let at = 0; at < 8; at++) Buffer.allocUnsafe(128).fill(0xff)
      assert.deepEqual(ecdsaSignatureToDer('ES256', raw), Buffer.concat([Buffer.from([0x30, content.length]), content]))
    }),
  )
})

test('every algorithm verifies its own signatures and no changed ones', () => {
  for (const alg of ALL) {
    const key = makeKey(alg, alg)
    const imported = importJwk(key.jwk, ALL)
    const signature = signText(key, 'signed')
    assert.equal(verifySignature(imported, Buffer.from('signed'), signature), true, alg)
    assert.equal(verifySignature(imported, Buffer.from('Signed'), signature), false, alg)
    for (const at of [0, signature.length >> 1, signature.length - 1]) {
      const changed = Buffer.from(signature)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.equal(verifySignature(imported, Buffer.from('signed'), changed), false, alg)
    }
    for (const length of [0, 1, signature.length - 1, signature.length + 1]) {
      assert.equal(verifySignature(imported, Buffer.from('signed'), Buffer.alloc(length)), false, alg)
    }
  }
})

test('V-05, V-06: a public key is never an HMAC key, and RS and PS are not interchangeable', () => {
  const input = Buffer.from('signed')
  const macs = [
    rsa.publicKey.export({ format: 'pem', type: 'spki' }),
    rsa.publicKey.export({ format: 'der', type: 'spki' }),
    JSON.stringify(rsa.jwk),
    Buffer.from(rsa.jwk['n'] as string, 'base64url'),
  ].map((secret) => createHmac('sha256', secret).update(input).digest())
  const asRs = importJwk(rsa.jwk, ALL)
  const asPs = importJwk({ ...rsa.jwk, alg: 'PS256' }, ALL)
  for (const mac of macs) assert.equal(verifySignature(asRs, input, mac), false)
  assert.equal(verifySignature(asPs, input, signText(rsa, 'signed')), false)
  assert.equal(verifySignature(asRs, input, signText({ ...rsa, alg: 'PS256' }, 'signed')), false)
  assert.equal(verifySignature(asRs, input, signText({ ...rsa, alg: 'RS384' }, 'signed')), false)
  assert.equal(verifySignature(asPs, input, signText({ ...rsa, alg: 'PS256' }, 'signed')), true)
})

test('J-07: at most 64 keys; unusable ones are left out and reported; what is no list is refused', () => {
  const many = Array.from({ length: 65 }, (_, i) => ({ kty: 'x', kid: `k${i}` }))
  refuses(() => parseKeySet({ keys: many }, ALL), 'key_set_invalid')
  for (const bad of [{}, { keys: {} }, { keys: null }, { keys: 'x' }, { Keys: [] }]) {
    refuses(() => parseKeySet(bad, ALL), 'key_set_invalid')
  }
  const { keys, skipped } = parseKeySet(
    {
      keys: [
        rsa.jwk,
        null,
        'x',
        [],
        { kty: 'RSA', kid: 'enc', use: 'enc' },
        { ...ec.jwk, kid: 7 },
        { ...ec.jwk, kid: 'c', alg: 'ES384' },
      ],
    },
    ALL,
  )
  assert.deepEqual(
    keys.map((key) => key.kid),
    ['rsa'],
  )
  assert.deepEqual(
    skipped.map(({ kid, fault }) => [kid, fault]),
    [
      [undefined, 'not_an_object'],
      [undefined, 'not_an_object'],
      [undefined, 'not_an_object'],
      ['enc', 'use'],
      [undefined, 'kid'],
      ['c', 'kty'],
    ],
  )
  assert.deepEqual(parseKeySet({ keys: [] }, ALL), { keys: [], skipped: [] })
})

test('a key set that is given as text is read strictly, and one given as an object is copied', () => {
  const text = JSON.stringify({ keys: [rsa.jwk] })
  refuses(() => createStaticKeySet(text.replace('"keys":', '"keys":[],"keys":')), 'key_set_invalid')
  refuses(() => createStaticKeySet('\ufeff{"keys":[]}'), 'key_set_invalid')
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  for (const bad of ['', '[]', 'null', undefined, null, 1, circular])
    refuses(() => createStaticKeySet(bad as string), 'key_set_invalid')
  const mutable = { keys: [{ ...rsa.jwk }] }
  const set = createStaticKeySet(mutable)
  mutable.keys.length = 0
  assert.equal(set.has('rsa'), true)
  assert.equal(createStaticKeySet(text).has('rsa'), true)
  set.close()
  assert.equal(set.peek('rsa', 'RS256'), undefined)
})

test('thumbprints are those of RFC 7638, whatever else the key says', async () => {
  // RFC 7638 section 3.1.
  const example = {
    kty: 'RSA',
    n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
    e: 'AQAB',
    alg: 'RS256',
    kid: '2011-04-29',
  }
  assert.equal(importJwk(example, ALL).thumbprint, 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
  for (const key of [rsa, ec, ed, makeKey('ES512', 'x')]) {
    const { thumbprint } = importJwk(key.jwk, ALL)
    assert.equal(thumbprint, await calculateJwkThumbprint(key.jwk))
    assert.equal(importJwk({ ...without(key.jwk, 'kid', 'use'), more: [1] }, ALL).thumbprint, thumbprint)
    assert.equal(Buffer.from(thumbprint, 'base64url').length, createHash('sha256').digest().length)
  }
})

test('V-24: any JSON value as a key gives a key or a named fault', () => {
  const value = fc.jsonValue({ maxDepth: 2 })
  const names = fc.constantFrom('kty', 'crv', 'x', 'y', 'n', 'e', 'alg', 'use', 'key_ops', 'kid')
  const base = fc.constantFrom<JsonObject>(rsa.jwk, ec.jwk, ed.jwk)
  fc.assert(
    fc.property(base, names, value, (jwk, name, changed) => {
      const reading = readJwk({ ...jwk, [name]: changed } as JsonObject, ALL)
      assert.equal(typeof (reading.ok ? reading.key.thumbprint : reading.fault), 'string')
    }),
    { numRuns: 500 },
  )
})
