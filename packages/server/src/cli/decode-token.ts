import type { JsonObject } from '../lib/index.ts'
import { isObject } from './wire.ts'

/** What can be seen of a token without any key. The signature is not verified and nothing here may be believed. */
export interface DecodedToken {
  readonly unverifiedHeader: JsonObject
  readonly unverifiedClaims: JsonObject
  /** What is wrong with it, or dangerous, each in a sentence. */
  readonly remarks: readonly { readonly severity: 'error' | 'warning'; readonly detail: string }[]
}

const REMOTE_KEYS = ['jku', 'x5u', 'jwk', 'x5c']

/** Decodes a compact JWS; undefined with the reason when it is none. No token text is in any reason. */
export function decodeToken(token: string, now: Date): DecodedToken | { readonly malformed: string } {
  const parts = token.split('.')
  if (parts.length === 5) return { malformed: 'it is encrypted (JWE, five parts); only signed tokens are proofs' }
  if (parts.length !== 3)
    return { malformed: `it has ${parts.length} part${parts.length === 1 ? '' : 's'} where a JWT has three` }
  const header = decodePart(parts[0] ?? '')
  if (header === undefined) return { malformed: 'its header is not base64url-encoded JSON' }
  const claims = decodePart(parts[1] ?? '')
  if (claims === undefined) return { malformed: 'its payload is not base64url-encoded JSON' }
  const remarks = [...headerRemarks(header, parts[2] ?? ''), ...claimRemarks(claims, now)]
  return { unverifiedHeader: header, unverifiedClaims: claims, remarks }
}

function decodePart(part: string): JsonObject | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(part)) return undefined
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url')))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

type Remark = DecodedToken['remarks'][number]

function headerRemarks(header: JsonObject, signature: string): Remark[] {
  const remarks: Remark[] = []
  const error = (detail: string) => remarks.push({ severity: 'error', detail })
  const alg = header['alg']
  // RFC 8725 section 3.1 and 3.2
  if (typeof alg !== 'string' || alg === '') error('the header names no algorithm')
  else if (alg.toLowerCase() === 'none') error('the token is not signed (alg none)')
  else if (/^HS/i.test(alg)) error('it is signed with a shared secret (HMAC); proofs need a key pair')
  if (signature === '') error('the signature is empty')
  // RFC 7515 section 4.1.11: unknown critical members must be refused.
  if ('crit' in header) error('the header has critical extensions (crit), which are refused')
  for (const name of REMOTE_KEYS) {
    if (name in header)
      remarks.push({ severity: 'warning', detail: `the header brings its own key (${name}); it is never used` })
  }
  if (!('kid' in header)) remarks.push({ severity: 'warning', detail: 'the header names no key (kid)' })
  return remarks
}

function claimRemarks(claims: JsonObject, now: Date): Remark[] {
  const remarks: Remark[] = []
  const error = (detail: string) => remarks.push({ severity: 'error', detail })
  const seconds = Math.floor(now.getTime() / 1000)
  for (const name of ['iss', 'sub', 'aud', 'exp']) if (!(name in claims)) error(`the claim ${name} is missing`)
  const instant = (name: string): number | undefined => {
    const value = claims[name]
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isFinite(value)) return value
    error(`the claim ${name} is not a number of seconds`)
    return undefined
  }
  const [expires, notBefore, issued] = [instant('exp'), instant('nbf'), instant('iat')]
  if (expires !== undefined && expires <= seconds) error(`it expired ${spell(seconds - expires)} ago`)
  if (notBefore !== undefined && notBefore > seconds) error(`it is valid only in ${spell(notBefore - seconds)}`)
  if (issued !== undefined && issued > seconds)
    error(`it was issued ${spell(issued - seconds)} in the future: compare the clocks`)
  return remarks
}

/** Seconds in words of two units: `4 min 12 s`, `3 d 4 h`. */
export function spell(seconds: number): string {
  const whole = Math.round(Math.abs(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`
}
