import { CountersignError } from '../errors.ts'
import { decodeBase64url } from './base64url.ts'
import { type JwsHeader, parseHeader, parseProofHeader } from './header.ts'

/** Longest token that is read (V-03), in bytes. */
export const MAX_TOKEN_BYTES = 16_384

/** A compact JWS taken apart. Nothing in it is verified: that the parts are well-formed says nothing about who wrote them. */
export interface UnverifiedJws {
  readonly header: JwsHeader
  /** The bytes that the signature covers: header segment, dot, payload segment. */
  readonly signingInput: Buffer
  readonly unverifiedPayload: Buffer
  readonly signature: Buffer
}

/**
 * Takes a compact JWS apart (RFC 7515 section 7.1): exactly two dots, only canonical base64url between them, bounded
 * sizes (V-01, V-02, V-03, V-13). Sizes are refused before anything is decoded.
 * @throws CountersignError `token_malformed`, `token_too_large` or `token_unsupported`, for any input at all.
 */
export function parseCompactJws(token: string): UnverifiedJws {
  return takeApart(token, parseHeader)
}

/**
 * Takes a proof of possession apart, as strictly as {@link parseCompactJws}; its header may carry the key that it proves.
 * @throws CountersignError as {@link parseCompactJws}.
 */
export function parseProofJws(proof: string): UnverifiedJws {
  return takeApart(proof, parseProofHeader)
}

function takeApart(token: string, parse: (segment: string) => JwsHeader): UnverifiedJws {
  if (typeof token !== 'string') throw new CountersignError('token_malformed', { reason: 'the token is not a string' })
  if (token.length > MAX_TOKEN_BYTES)
    throw new CountersignError('token_too_large', { reason: 'the token is too large' })
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first <= 0 || second === -1) throw notThreeSegments()
  if (token.indexOf('.', second + 1) !== -1) {
    // V-13: five segments are a JWE (RFC 7516 section 7.1); an encrypted token proves nothing about its sender.
    const isJwe = token.split('.').length === 5
    throw isJwe ? new CountersignError('token_unsupported', { reason: 'the token is encrypted' }) : notThreeSegments()
  }
  // The header first: it is the cheapest to refuse and bounds itself.
  const header = parse(token.slice(0, first))
  const signature = decodeBase64url(token.slice(second + 1))
  if (signature === undefined) throw notBase64url()
  if (signature.length === 0) throw new CountersignError('signature_invalid', { reason: 'the token is not signed' })
  const unverifiedPayload = decodeBase64url(token.slice(first + 1, second))
  if (unverifiedPayload === undefined) throw notBase64url()
  return { header, signingInput: Buffer.from(token.slice(0, second), 'latin1'), unverifiedPayload, signature }
}

function notThreeSegments(): CountersignError {
  return new CountersignError('token_malformed', { reason: 'it does not consist of three segments' })
}

function notBase64url(): CountersignError {
  return new CountersignError('token_malformed', { reason: 'a segment is not canonical base64url' })
}
