import { type BoundedMap, createBoundedMap } from '../bounded-map.ts'
import { CountersignError } from '../errors.ts'
import { decodeBase64url } from './base64url.ts'
import { type JsonObject, type JsonValue, parseStrictJsonObject } from './json.ts'

/** Longest header segment whose bytes are read (V-03), in bytes. */
export const MAX_HEADER_BYTES = 4096
/** Longest key id, in characters (V-07). */
export const MAX_KID_LENGTH = 256

/** A JOSE header that has passed {@link parseHeader}; deeply frozen, since tokens with the same header text share it. */
export interface JwsHeader {
  readonly alg: string
  readonly kid?: string
  readonly typ?: string
  /** Every member, as it stands in the token. */
  readonly members: JsonObject
}

// Headers of one issuer's tokens are equal text, so most are parsed once. Parsing is a pure function of the text.
const parsed = createBoundedMap<JwsHeader>(256)
// Apart, so that a header that only a proof may have is never found when a token is read.
const parsedProofs = createBoundedMap<JwsHeader>(256)

/**
 * The header that a segment encodes.
 *
 * Refuses what is never processed, rather than ignoring it: `crit` (we understand no extension, RFC 7515 section
 * 4.1.11), `b64` (RFC 7797), key material or locations chosen by the token (`jku x5u jwk x5c`, RFC 8725 section 3.10),
 * `enc` and `zip` (JWE), and `cty: JWT` (nesting).
 * @throws CountersignError `token_malformed`, `token_too_large` or `token_unsupported`.
 */
export function parseHeader(segment: string): JwsHeader {
  return readSegment(segment, parsed, NEVER_PROCESSED)
}

/**
 * The header of a proof of possession, read as {@link parseHeader} does, except that it may carry the public key that it
 * proves (`jwk`, RFC 9449 section 4.2). That key vouches for nothing until something trusted names its thumbprint.
 * @throws CountersignError as {@link parseHeader}.
 */
export function parseProofHeader(segment: string): JwsHeader {
  return readSegment(segment, parsedProofs, NEVER_IN_PROOFS)
}

function readSegment(segment: string, seen: BoundedMap<JwsHeader>, refused: readonly string[]): JwsHeader {
  const known = seen.get(segment)
  if (known !== undefined) return known
  // Four characters carry three bytes, so this bounds the bytes before any are allocated.
  if (segment.length > Math.ceil((MAX_HEADER_BYTES * 4) / 3)) {
    throw new CountersignError('token_too_large', { reason: 'the header is too large' })
  }
  const bytes = decodeBase64url(segment)
  if (bytes === undefined) {
    throw new CountersignError('token_malformed', { reason: 'a segment is not canonical base64url' })
  }
  const header = deepFreeze(readHeader(parseStrictJsonObject(bytes), refused))
  // The segment is a slice that keeps the whole token alive; the copy keeps only the header.
  seen.set(Buffer.from(segment, 'latin1').toString('latin1'), header)
  return header
}

const NEVER_IN_PROOFS = ['crit', 'b64', 'jku', 'x5u', 'x5c', 'enc', 'zip']
const NEVER_PROCESSED = [...NEVER_IN_PROOFS, 'jwk']
// RFC 7515 section 4.1.9: a media type. Printable ASCII only, so that case folding cannot meet exotic letters.
const MEDIA_TYPE = /^[\x21-\x7e]{1,255}$/

function readHeader(members: JsonObject, refused: readonly string[]): JwsHeader {
  for (const name of refused) {
    // V-08, V-12, V-13. The names are fixed words of the RFCs, so they may be shown.
    if (Object.hasOwn(members, name)) {
      throw new CountersignError('token_unsupported', { reason: `the header has "${name}"` })
    }
  }
  const cty = text(members, 'cty')
  if (cty !== undefined && normalizeType(cty) === 'application/jwt') {
    throw new CountersignError('token_unsupported', { reason: 'the token is nested' })
  }
  const alg = text(members, 'alg')
  if (alg === undefined) throw new CountersignError('token_malformed', { reason: 'the header has no "alg"' })
  const kid = text(members, 'kid')
  if (kid !== undefined && (kid === '' || kid.length > MAX_KID_LENGTH)) {
    throw new CountersignError('token_malformed', { reason: 'the header has an empty or too long "kid"' })
  }
  const typ = text(members, 'typ')
  if (typ !== undefined && !MEDIA_TYPE.test(typ)) {
    throw new CountersignError('token_malformed', { reason: 'the header has a "typ" that is no media type' })
  }
  return { alg, ...(kid !== undefined && { kid }), ...(typ !== undefined && { typ }), members }
}

function text(members: JsonObject, name: 'alg' | 'kid' | 'typ' | 'cty'): string | undefined {
  const value = Object.hasOwn(members, name) ? members[name] : undefined
  if (value === undefined || typeof value === 'string') return value
  throw new CountersignError('token_malformed', { reason: `the header has a "${name}" that is not a string` })
}

/** The comparable form of a `typ` or `cty`: case-insensitive, `application/` prepended when it has no slash (RFC 7515 section 4.1.9). */
export function normalizeType(type: string): string {
  const lower = type.toLowerCase()
  return lower.includes('/') ? lower : `application/${lower}`
}

/** Freezes a value and everything in it, so that it can be shared between callers. */
export function deepFreeze<T extends JsonValue | object>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) deepFreeze(member as JsonValue)
    Object.freeze(value)
  }
  return value
}
