import { createBoundedMap } from '../bounded-map.ts'
import { CountersignError } from '../errors.ts'
import { type JsonObject, parseCompactJws } from '../jws/index.ts'
import { importJwk, readAlgorithms, type VerificationKey, verifySignature } from '../keys/index.ts'

/** Options of {@link verifyJws}. */
export interface VerifyJwsOptions {
  /** Allowed algorithms, as names of RFC 7518 section 3.1 and RFC 9864. There is no default. */
  readonly algorithms: readonly string[]
}

/** A compact JWS whose signature has been verified. Says nothing about the payload but who signed it. */
export interface VerifiedJws {
  /** The members of the protected header. Frozen. */
  readonly header: JsonObject & { readonly alg: string }
  readonly payload: Uint8Array
}

/**
 * The header and payload bytes of a compact JWS that verifies under exactly this one public key. The payload need not
 * be JSON; no claim is looked at. The header's `kid` is not compared: the caller has already chosen the key.
 *
 * @throws CountersignError `token_malformed`, `token_too_large`, `token_unsupported`, `algorithm_refused`, `key_invalid`,
 * `signature_invalid` or `configuration_invalid`.
 * @example
 * const { payload } = await verifyJws(jws, publicJwk, { algorithms: ['ES256'] })
 */
export async function verifyJws(token: string, jwk: JsonObject, options: VerifyJwsOptions): Promise<VerifiedJws> {
  const algorithms = options?.algorithms
  if (algorithms === undefined) {
    throw new CountersignError('configuration_invalid', { reason: '"algorithms" must be given' })
  }
  const allowed = readAlgorithms(algorithms)
  const { header, signingInput, unverifiedPayload, signature } = parseCompactJws(token)
  if (!allowed.some((alg) => alg === header.alg)) throw new CountersignError('algorithm_refused')
  const key = imported(jwk, allowed)
  if (key.alg !== header.alg) {
    throw new CountersignError('algorithm_refused', { reason: 'the key has another algorithm' })
  }
  if (!verifySignature(key, signingInput, signature)) throw new CountersignError('signature_invalid')
  return { header: header.members as VerifiedJws['header'], payload: unverifiedPayload }
}

// By content, not by identity: a caller may change its object between two calls.
const keys = createBoundedMap<VerificationKey>(64)

function imported(jwk: JsonObject, algorithms: Parameters<typeof importJwk>[1]): VerificationKey {
  let text: string
  try {
    text = JSON.stringify(jwk)
  } catch (cause) {
    throw new CountersignError('key_invalid', { reason: 'it is not JSON', cause })
  }
  const copy: unknown = text === undefined ? undefined : JSON.parse(text)
  if (typeof copy !== 'object' || copy === null || Array.isArray(copy)) {
    throw new CountersignError('key_invalid', { reason: 'it is not an object' })
  }
  const cacheKey = `${algorithms.join()} ${text}`
  const known = keys.get(cacheKey)
  if (known !== undefined) return known
  const key = importJwk(copy as JsonObject, algorithms)
  keys.set(cacheKey, key)
  return key
}
