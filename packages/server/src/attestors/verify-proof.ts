import {
  CountersignError,
  createTokenVerifier,
  type KeySource,
  type TokenVerifier,
  type UnverifiedToken,
  type VerifiedToken,
} from '@countersign/sdk'
import { foldAsciiCase, type JsonObject, type Now } from '../lib/index.ts'
import { findClaimDefinition } from './claim-definition.ts'
import { findUnusableClaim, type TypedClaims, typeClaims } from './claims.ts'
import type { KeySources } from './key-sources.ts'
import { proofKey } from './proof-key.ts'
import { refusalOf } from './refusals.ts'
import type { AttestOutcome, ProofRefusal, TrustProvider } from './types.ts'
import { workloadId, workloadUri } from './workload-uri.ts'

/** How far the clocks of issuer and service may differ, in seconds (V-17). */
export const CLOCK_TOLERANCE_SECONDS = 30

/** What verifying JWT proofs needs. */
export interface ProofVerifierDeps {
  readonly now: Now
  readonly keys: KeySources
  /** Host, and port if any, of our own issuer: the authority of workload URIs. */
  readonly ourIssuerHost: string
  /** A platform's own rule between verified claims; the detail of the fault, or undefined. Holds no claim value. */
  readonly findInconsistency?: (token: JsonObject, typed: TypedClaims) => string | undefined
}

/** Verifies a proof against one provider: everything between the token's text and an {@link Attestation}. */
export type VerifyProof = (proof: string, provider: TrustProvider, read?: UnverifiedToken) => Promise<AttestOutcome>

function refuse(
  provider: TrustProvider,
  code: ProofRefusal['code'],
  stage: ProofRefusal['stage'],
  detail: string,
): AttestOutcome {
  return { ok: false, refusal: { code, stage, detail, providerId: provider.id } }
}

// T34: only what the platform itself compares so, and only ASCII letters; everything else is byte-exact.
function isSame(provider: TrustProvider, claim: string, expected: unknown, actual: unknown): boolean {
  if (expected === actual) return true
  if (findClaimDefinition(provider.preset, claim)?.caseInsensitive !== true) return false
  return typeof expected === 'string' && typeof actual === 'string' && foldAsciiCase(expected) === foldAsciiCase(actual)
}

/** The tenant comes before every policy: whoever is not of it is a stranger, and ends here (design section 5). */
function requireTenant(provider: TrustProvider, typed: TypedClaims): AttestOutcome | undefined {
  for (const [claim, expected] of Object.entries(provider.require)) {
    if (typed.mistyped.includes(claim))
      return refuse(provider, 'proof_claim_invalid', 'require', `${claim} has the wrong type`)
    const actual = typed.claims[claim]
    if (actual === undefined) return refuse(provider, 'proof_claim_invalid', 'require', `${claim} is absent`)
    if (!isSame(provider, claim, expected, actual)) {
      return refuse(provider, 'proof_stranger', 'require', `${claim} is not the one that \`require\` names`)
    }
  }
  return undefined
}

/**
 * Verifies JWT proofs of one kind. The order is that of design section 5 and V-25: signature, registered claims, age, then the tenant, then
 * what identity and danger need. Claims come from the verified token only (T7).
 */
export function createProofVerifier(deps: ProofVerifierDeps): VerifyProof {
  // Providers are immutable objects of a snapshot: a new revision is a new object, and its verifier goes with it.
  const verifiers = new WeakMap<TrustProvider, { readonly keys: KeySource; readonly verifier: TokenVerifier }>()

  function verifierOf(provider: TrustProvider): TokenVerifier {
    const keys = deps.keys.of(provider)
    const known = verifiers.get(provider)
    if (known?.keys === keys) return known.verifier
    const verifier = createTokenVerifier({
      issuer: provider.issuer,
      audience: provider.audience,
      algorithms: provider.algorithms,
      typ: provider.preset.proofTypes,
      keys,
      clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
      maxLifetimeSeconds: provider.freshness.maxLifetimeSeconds,
      now: deps.now,
    })
    verifiers.set(provider, { keys, verifier })
    return verifier
  }

  function attestation(proof: string, provider: TrustProvider, token: VerifiedToken): AttestOutcome {
    const { iat, exp, sub } = token.claims
    if (iat === undefined || sub === undefined) {
      return refuse(provider, 'proof_claim_invalid', 'fresh', iat === undefined ? 'iat is absent' : 'sub is absent')
    }
    const maxAge = provider.freshness.maxProofAgeSeconds
    if (maxAge !== undefined && !(deps.now().getTime() / 1000 - iat <= maxAge)) {
      return refuse(provider, 'proof_too_old', 'fresh', `the proof was issued more than ${maxAge} s ago`)
    }
    const typed = typeClaims(provider.preset, token.claims)
    const stranger = requireTenant(provider, typed)
    if (stranger) return stranger
    const unusable = findUnusableClaim(provider.preset, typed)
    if (unusable) {
      const what = unusable.reason === 'absent' ? 'is absent or empty' : 'has the wrong type'
      return refuse(provider, 'proof_claim_invalid', 'require', `${unusable.claim} ${what}`)
    }
    const inconsistency = deps.findInconsistency?.(token.claims, typed)
    if (inconsistency !== undefined) return refuse(provider, 'proof_claim_invalid', 'require', inconsistency)
    const uri = workloadUri({
      issuerHost: deps.ourIssuerHost,
      providerId: provider.id,
      identityClaims: provider.preset.identityClaims,
      claims: typed.claims,
    })
    if (uri === undefined) {
      return refuse(
        provider,
        'proof_claim_invalid',
        'require',
        'the identity claims make no workload URI of at most 2048 bytes',
      )
    }
    return {
      ok: true,
      attestation: {
        provider,
        subject: sub,
        claims: typed.claims,
        mistypedClaims: typed.mistyped,
        tokenClaims: token.claims,
        workloadUri: uri,
        workloadId: workloadId(uri),
        kid: token.kid,
        keyThumbprint: token.keyThumbprint,
        proofKey: proofKey(token.keyThumbprint, proof),
        issuedAt: new Date(iat * 1000),
        expiresAt: new Date(exp * 1000),
      },
    }
  }

  return async (proof, provider, read) => {
    let token: VerifiedToken
    try {
      // A reading of another text would let one token be verified and another one be named for replay.
      token = await verifierOf(provider).verify(read?.isOf(proof) === true ? read : proof)
    } catch (error) {
      if (error instanceof CountersignError) return { ok: false, refusal: refusalOf(error, provider.id) }
      throw error
    }
    return attestation(proof, provider, token)
  }
}
