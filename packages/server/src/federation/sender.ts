import { CountersignError, type DpopVerifier } from '@countersign/sdk'
import type { Attestation } from '../attestors/index.ts'
import type { JsonValue } from '../lib/index.ts'
import type { SenderConstraint } from '../policy/index.ts'
import type { Confirmation } from '../tokens/index.ts'
import type { ExchangeRequest } from './request.ts'

/** What came with a token request about who sends it. */
export interface SenderEvidence {
  /** The DPoP header as it came; several are joined by commas, which no proof holds. */
  readonly dpopProof?: string | undefined
  /** `x5t#S256` of the client certificate that a trusted proxy vouches for. */
  readonly certificateThumbprint?: string | undefined
}

/** What the caller has proven to hold. */
export interface VerifiedSender {
  /** What a token can be bound to; undefined: nothing. */
  readonly confirmation: Confirmation | undefined
  /** The kind of it, for policies. */
  readonly constraint: SenderConstraint | undefined
  /** The token must be bound to it, whatever the policy says. */
  readonly mustBind: boolean
}

/** Why a caller's evidence refuses the exchange. `detail` is fixed text for the administrator. */
export interface SenderRefusal {
  readonly code: 'invalid_dpop_proof' | 'proof_holder_unproven' | 'sender_constraint_required' | 'overloaded'
  readonly detail: string
}

/** The sender, or why there is none that could be believed. */
export type SenderOutcome =
  | ({ readonly ok: true } & VerifiedSender)
  | { readonly ok: false; readonly refusal: SenderRefusal }

/** What checking senders needs. */
export interface SenderCheckDeps {
  /** Single use is kept in its memory. */
  readonly dpop: DpopVerifier
  /** The configured address of the token endpoint: what `htu` must name, whatever host was called (RFC 9449 section 4.3). */
  readonly tokenEndpoint: string
}

/** Checks what a caller with an accepted proof has shown about itself. Synchronous; costs a signature only when there is a DPoP proof. */
export type SenderCheck = (
  evidence: SenderEvidence,
  request: Pick<ExchangeRequest, 'senderConstraint'>,
  attestation: Pick<Attestation, 'tokenClaims'>,
) => SenderOutcome

const NOTHING: SenderOutcome = { ok: true, confirmation: undefined, constraint: undefined, mustBind: false }

/**
 * The sender of a token request. Asked after the proof has been accepted, so that strangers neither cost a signature nor fill the memory
 * of used DPoP proofs (S-13). A DPoP proof always binds the token; a certificate binds it when the request or the policy asks for it,
 * because meshes send theirs along with every connection. A proof that is itself bound (`cnf`) is refused without its key (T39).
 */
export function createSenderCheck({ dpop, tokenEndpoint }: SenderCheckDeps): SenderCheck {
  function verifyDpop(proof: string): { readonly jkt: string } | SenderRefusal {
    try {
      // Joined values are named as what they are (RFC 9449 section 4.3, step 1).
      return dpop.verify({ proof: proof.split(','), method: 'POST', url: tokenEndpoint })
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error
      const code = error.code === 'dpop_unavailable' ? 'overloaded' : 'invalid_dpop_proof'
      return { code, detail: error.message }
    }
  }

  return ({ dpopProof, certificateThumbprint }, { senderConstraint }, { tokenClaims }) => {
    const bound = Object.hasOwn(tokenClaims, 'cnf')
    if (dpopProof === undefined && certificateThumbprint === undefined && !bound && senderConstraint === undefined) {
      return NOTHING
    }
    let jkt: string | undefined
    if (dpopProof !== undefined) {
      const verified = verifyDpop(dpopProof)
      if ('code' in verified) return { ok: false, refusal: verified }
      jkt = verified.jkt
    }
    // The DPoP header wins: its sender expects a token that is bound to that key (RFC 9449 section 5).
    const constraint = jkt !== undefined ? 'dpop' : certificateThumbprint !== undefined ? 'mtls' : undefined
    const confirmation = confirmationOf(jkt, certificateThumbprint)
    if (bound && !isHeld(tokenClaims['cnf'], { jkt, 'x5t#S256': certificateThumbprint }, confirmation)) {
      const detail = 'the proof is bound to a key (cnf), and the caller did not prove to hold it'
      return { ok: false, refusal: { code: 'proof_holder_unproven', detail } }
    }
    if (senderConstraint !== undefined && senderConstraint !== constraint) {
      const detail = `the request asks for a token bound by ${senderConstraint}, and proves ${constraint ?? 'nothing'}`
      return { ok: false, refusal: { code: 'sender_constraint_required', detail } }
    }
    return {
      ok: true,
      constraint,
      confirmation,
      mustBind: constraint !== undefined && (constraint === 'dpop' || bound || senderConstraint !== undefined),
    }
  }
}

function confirmationOf(jkt: string | undefined, thumbprint: string | undefined): Confirmation | undefined {
  if (jkt !== undefined) return { jkt }
  return thumbprint === undefined ? undefined : { 'x5t#S256': thumbprint }
}

/**
 * Whether the caller holds all that the proof is bound to, and the token will be bound to a part of the same. A member that is not known
 * here cannot be checked, so it is not held: taken for no binding, it would turn a bound proof into a bearer token (T39).
 */
function isHeld(
  cnf: JsonValue | undefined,
  held: Readonly<Record<string, string | undefined>>,
  confirmation: Confirmation | undefined,
): boolean {
  if (typeof cnf !== 'object' || cnf === null || Array.isArray(cnf) || confirmation === undefined) return false
  const isOf = ([name, value]: readonly [string, unknown]) =>
    Object.hasOwn(held, name) && held[name] !== undefined && value === held[name]
  return Object.entries(cnf).every(isOf) && Object.keys(confirmation).every((name) => Object.hasOwn(cnf, name))
}
