import { createPublicKey, type KeyObject } from 'node:crypto'
import { CountersignError } from '../errors.ts'
import { decodeBase64url, type JsonObject, MAX_KID_LENGTH } from '../jws/index.ts'
import { ALGORITHMS, type Algorithm, isAlgorithm } from './algorithms.ts'
import { ecdsaSignatureBytes } from './ecdsa.ts'
import { isSmallOrderEd25519 } from './ed25519.ts'
import { findRsaFault, type RsaFault } from './rsa.ts'
import { jwkThumbprint, type ThumbprintMembers } from './thumbprint.ts'

/** A public key that has passed every check, bound to exactly one algorithm (V-06). */
export interface VerificationKey {
  readonly kid: string | undefined
  readonly alg: Algorithm
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string
  readonly publicKey: KeyObject
  /** The one length that signatures of this key have. */
  readonly signatureBytes: number
}

/** Why a key of a set is left out; the other keys of the set stay usable. */
export type JwkFault =
  | RsaFault
  | 'not_an_object'
  | 'kid'
  | 'use'
  | 'key_ops'
  | 'kty'
  | 'alg'
  | 'algorithm_not_allowed'
  | 'encoding'
  | 'ec_point'
  | 'ed25519_point'

/** Either the key or why there is none. */
export type JwkReading =
  | { readonly ok: true; readonly key: VerificationKey }
  | { readonly ok: false; readonly fault: JwkFault }

/** Whether a JWK is a secret: a symmetric key, or one that carries private members (RFC 7518 section 6). */
export function isSecretJwk(jwk: JsonObject): boolean {
  return jwk['kty'] === 'oct' || PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))
}

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

/**
 * Reads one public JWK for verification with one of the allowed algorithms. The algorithm is the key's own `alg`, or
 * when it has none the first allowed one that its type and curve can serve; it is never taken from a token (V-06).
 */
export function readJwk(jwk: JsonObject, algorithms: readonly Algorithm[]): JwkReading {
  const kid = own(jwk, 'kid')
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > MAX_KID_LENGTH)) return fault('kid')
  // V-09: RFC 7517 sections 4.2 and 4.3; `jwt-svid` is the SPIFFE bundle's word for the same use.
  const use = own(jwk, 'use')
  if (use !== undefined && use !== 'sig' && use !== 'jwt-svid') return fault('use')
  const operations = own(jwk, 'key_ops')
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return fault('key_ops')
  const alg = algorithmOf(jwk, algorithms)
  if (typeof alg !== 'string') return alg
  const material = materialOf(jwk, alg)
  if ('fault' in material) return material
  let publicKey: KeyObject
  try {
    publicKey = createPublicKey({ key: material.members, format: 'jwk' })
  } catch {
    // Lengths and encodings have been checked, so what is left is a point that is not on its curve.
    return fault(alg.startsWith('E') ? 'ec_point' : 'encoding')
  }
  return {
    ok: true,
    key: {
      kid,
      alg,
      thumbprint: jwkThumbprint(material.members),
      publicKey,
      signatureBytes: material.signatureBytes,
    },
  }
}

/**
 * The verification key of one public JWK; see {@link readJwk} for how its algorithm is chosen.
 * @throws CountersignError `key_invalid`, also for secret and symmetric keys.
 */
export function importJwk(jwk: JsonObject, algorithms: readonly Algorithm[]): VerificationKey {
  if (isSecretJwk(jwk)) throw new CountersignError('key_invalid', { reason: 'it is symmetric or private' })
  const reading = readJwk(jwk, algorithms)
  if (!reading.ok) throw new CountersignError('key_invalid', { reason: reading.fault })
  return reading.key
}

function algorithmOf(jwk: JsonObject, algorithms: readonly Algorithm[]): Algorithm | { ok: false; fault: JwkFault } {
  const kty = own(jwk, 'kty')
  const crv = own(jwk, 'crv')
  const serves = (alg: Algorithm): boolean => {
    const needed = ALGORITHMS[alg]
    return needed.kty === kty && (!('crv' in needed) || needed.crv === crv)
  }
  const named = own(jwk, 'alg')
  if (named !== undefined) {
    if (!isAlgorithm(named)) return fault('alg')
    if (!serves(named)) return fault('kty')
    return algorithms.includes(named) ? named : fault('algorithm_not_allowed')
  }
  const derived = algorithms.find(serves)
  if (derived !== undefined) return derived
  return fault(
    Object.keys(ALGORITHMS).some((name) => isAlgorithm(name) && serves(name)) ? 'algorithm_not_allowed' : 'kty',
  )
}

type Material =
  | { readonly members: ThumbprintMembers; readonly signatureBytes: number }
  | { readonly ok: false; readonly fault: JwkFault }

function materialOf(jwk: JsonObject, alg: Algorithm): Material {
  switch (alg) {
    case 'ES256':
    case 'ES384':
    case 'ES512': {
      const bytes = ecdsaSignatureBytes(alg)
      const x = coordinate(jwk, 'x', bytes / 2)
      const y = coordinate(jwk, 'y', bytes / 2)
      if (x === undefined || y === undefined) return fault('encoding')
      const crv = ALGORITHMS[alg].crv
      return { members: { crv, kty: 'EC', x: x.text, y: y.text }, signatureBytes: bytes }
    }
    case 'Ed25519':
    case 'EdDSA': {
      const x = coordinate(jwk, 'x', 32)
      if (x === undefined) return fault('encoding')
      if (isSmallOrderEd25519(x.bytes)) return fault('ed25519_point')
      return { members: { crv: 'Ed25519', kty: 'OKP', x: x.text }, signatureBytes: 64 }
    }
    default: {
      const n = number(jwk, 'n')
      const e = number(jwk, 'e')
      if (n === undefined || e === undefined) return fault('encoding')
      const rsaFault = findRsaFault(n.bytes, e.bytes)
      if (rsaFault !== undefined) return fault(rsaFault)
      return { members: { e: e.text, kty: 'RSA', n: n.text }, signatureBytes: n.bytes.length }
    }
  }
}

interface Encoded {
  readonly text: string
  readonly bytes: Buffer
}

// RFC 7518 section 6.2.1.2: the full size of a coordinate.
function coordinate(jwk: JsonObject, name: 'x' | 'y', bytes: number): Encoded | undefined {
  const encoded = member(jwk, name)
  return encoded?.bytes.length === bytes ? encoded : undefined
}

// RFC 7518 section 2, Base64urlUInt: the fewest octets. Otherwise one key would have two thumbprints.
function number(jwk: JsonObject, name: 'n' | 'e'): Encoded | undefined {
  const encoded = member(jwk, name)
  return encoded !== undefined && encoded.bytes.length > 0 && encoded.bytes[0] !== 0 ? encoded : undefined
}

function member(jwk: JsonObject, name: string): Encoded | undefined {
  const text = own(jwk, name)
  // Longer than any acceptable modulus, so nothing larger is ever decoded.
  if (typeof text !== 'string' || text.length > 2048) return undefined
  const bytes = decodeBase64url(text)
  return bytes && { text, bytes }
}

function own(jwk: JsonObject, name: string): JsonObject[string] | undefined {
  return Object.hasOwn(jwk, name) ? jwk[name] : undefined
}

function fault(name: JwkFault): { readonly ok: false; readonly fault: JwkFault } {
  return { ok: false, fault: name }
}
