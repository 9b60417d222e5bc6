import type { JsonObject } from '../lib/index.ts'
import type { ProofRefusal } from './types.ts'

/** Longest proof that is looked at, in bytes (V-03). */
const MAX_PROOF_BYTES = 16_384
const MAX_AUDIENCES = 8
const MAX_TEXT = 512
const MAX_KID = 256
const SEGMENTS = /^([A-Za-z0-9_-]{1,5462})\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$/

/** What a token says of itself before anything is verified. Good for choosing whom to ask, for nothing else. */
export interface UnverifiedProof {
  readonly unverifiedIssuer: string
  readonly unverifiedAudiences: readonly string[]
  readonly unverifiedKid: string | undefined
}

/** The unverified reading of a proof, or why it has none. */
export type UnverifiedReading =
  | { readonly ok: true; readonly value: UnverifiedProof }
  | { readonly ok: false; readonly refusal: ProofRefusal }

function malformed(detail: string): UnverifiedReading {
  return { ok: false, refusal: { code: 'proof_malformed', stage: 'parse', detail } }
}

function decode(segment: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
  } catch {
    // The messages of JSON.parse quote the text; that it is no JSON is all there is to say.
    return undefined
  }
}

function own(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= maxLength
}

/**
 * Reads issuer, audiences and kid of a compact JWT without verifying anything, to find the providers that could verify it. Bounded, never
 * throws, opens nothing. The strict verifier reads the token again and is the only one who is believed (V-25).
 */
export function readUnverified(rawProof: string): UnverifiedReading {
  if (rawProof.length > MAX_PROOF_BYTES) return malformed('the proof is larger than 16 KiB')
  const match = SEGMENTS.exec(rawProof)
  if (!match) return malformed('the proof is not a compact JWS of three parts')
  const header = decode(match[1] ?? '')
  const claims = decode(match[2] ?? '')
  if (!header || !claims) return malformed('header or claims of the proof are not a JSON object')
  const issuer = own(claims, 'iss')
  // T16 (CVE-2025-30144): an issuer that is a list matches nothing.
  if (!isText(issuer, MAX_TEXT)) return malformed('`iss` of the proof is not a short string')
  const aud = own(claims, 'aud')
  const audiences = Array.isArray(aud) ? (aud as readonly unknown[]) : [aud]
  if (
    audiences.length === 0 ||
    audiences.length > MAX_AUDIENCES ||
    !audiences.every((item) => isText(item, MAX_TEXT))
  ) {
    return malformed('`aud` of the proof is not a short string or a short list of them')
  }
  const kid = own(header, 'kid')
  if (kid !== undefined && !isText(kid, MAX_KID)) return malformed('`kid` of the proof is not a short string')
  return {
    ok: true,
    value: {
      unverifiedIssuer: issuer,
      unverifiedAudiences: [...new Set(audiences as readonly string[])],
      unverifiedKid: kid as string | undefined,
    },
  }
}
