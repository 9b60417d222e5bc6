import { CountersignError, parseUnverifiedToken, type UnverifiedToken } from '@countersign/sdk'
import type { ProofRefusal } from './types.ts'

const MAX_AUDIENCES = 8
const MAX_TEXT = 512

/** What a token says of itself before anything is verified. Good for choosing whom to ask, for nothing else. */
export interface UnverifiedProof {
  readonly unverifiedIssuer: string
  readonly unverifiedAudiences: readonly string[]
  readonly unverifiedKid: string | undefined
  /** The reading itself, so that the verifier need not read the same text again. */
  readonly token: UnverifiedToken
}

/** The unverified reading of a proof, or why it has none. */
export type UnverifiedReading =
  | { readonly ok: true; readonly value: UnverifiedProof }
  | { readonly ok: false; readonly refusal: ProofRefusal }

function malformed(detail: string): UnverifiedReading {
  return { ok: false, refusal: { code: 'proof_malformed', stage: 'parse', detail } }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_TEXT
}

/**
 * Reads issuer, audiences and kid of a compact JWT, as strictly as the verifier and without verifying anything, to find the providers
 * that could verify it. Bounded, never throws, opens nothing; nothing that it reads is believed (V-25).
 */
export function readUnverified(rawProof: string): UnverifiedReading {
  let token: UnverifiedToken
  try {
    token = parseUnverifiedToken(rawProof)
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    return malformed('the proof is not a strictly valid token of at most 16 KiB')
  }
  const issuer = token.unverifiedText('iss')
  // T16 (CVE-2025-30144): an issuer that is a list matches nothing.
  if (!isText(issuer)) return malformed('`iss` of the proof is not a short string')
  const aud = token.unverifiedText('aud')
  const audiences = typeof aud === 'string' ? [aud] : (aud ?? [])
  if (audiences.length === 0 || audiences.length > MAX_AUDIENCES || !audiences.every(isText)) {
    return malformed('`aud` of the proof is not a short string or a short list of them')
  }
  return {
    ok: true,
    value: {
      unverifiedIssuer: issuer,
      unverifiedAudiences: audiences.length === 1 ? audiences : [...new Set(audiences)],
      unverifiedKid: token.unverifiedKid,
      token,
    },
  }
}
