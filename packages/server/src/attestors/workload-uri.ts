import { hash } from 'node:crypto'
import { base32 } from '../lib/index.ts'
import type { ClaimValue } from './types.ts'

/** The URI is the `sub` of issued tokens, which is at most this long (V-18). */
export const MAX_WORKLOAD_URI_BYTES = 2048

/** Needs no look at its bytes: ids of most platforms. Without dots, which may be navigation. */
const PLAIN = /^[A-Za-z0-9_~-]+$/
const UNRESERVED = /^[A-Za-z0-9._~-]$/
const HASH_BYTES = 20

/**
 * Escapes text to one URI segment that no parser can read as anything else: every byte of its UTF-8 outside the unreserved set of
 * RFC 3986 section 2.3 is percent-encoded. Undefined for text without such a form: `.` and `..` are navigation (section 3.3) even
 * when their dots are encoded, and two different texts with lone surrogates have the same UTF-8.
 */
function escapeSegment(text: string): string | undefined {
  if (PLAIN.test(text)) return text
  if (text === '' || text === '.' || text === '..' || !text.isWellFormed()) return undefined
  let escaped = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(byte)
    escaped +=
      byte < 0x80 && UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}

/** What a workload's URI is made of. `identityClaims` are the preset's, in its order. */
export interface WorkloadIdentity {
  /** Host, and port if any, of our own issuer. */
  readonly issuerHost: string
  readonly providerId: string
  readonly identityClaims: readonly string[]
  readonly claims: Readonly<Record<string, ClaimValue>>
}

/**
 * `countersign://ISSUER_HOST/workload/PROVIDER_ID/CLAIM/VALUE/...`: names the workload in `sub` of issued tokens, in the inventory and in audit.
 * Different values always give different URIs, and the same values the same one on every replica.
 * @returns undefined when an identity claim is absent, no scalar, empty, `.` or `..`, or the URI is longer than 2,048 bytes.
 */
export function workloadUri(identity: WorkloadIdentity): string | undefined {
  const texts = [identity.providerId]
  for (const name of identity.identityClaims) {
    const value = identity.claims[name]
    if (value === undefined || typeof value === 'object') return undefined
    texts.push(name, String(value))
  }
  const segments = texts.map(escapeSegment)
  if (segments.includes(undefined)) return undefined
  const uri = `countersign://${identity.issuerHost}/workload/${segments.join('/')}`
  return uri.length <= MAX_WORKLOAD_URI_BYTES ? uri : undefined
}

const MAX_REMEMBERED = 4096
let remembered = new Map<string, string>()

/** `wl_` and 160 bits of the SHA-256 of the URI in Crockford base32: the same on every replica, `client_id` of issued tokens. */
export function workloadId(uri: string): string {
  // Workloads come back again and again; the ids of the latest are kept.
  const known = remembered.get(uri)
  if (known !== undefined) return known
  if (remembered.size >= MAX_REMEMBERED) remembered = new Map()
  const id = `wl_${base32(hash('sha256', uri, 'buffer').subarray(0, HASH_BYTES))}`
  remembered.set(uri, id)
  return id
}
