import type { Now } from '../lib/index.ts'
import type { KeySources } from './key-sources.ts'
import type { Attestor } from './types.ts'
import { createProofVerifier } from './verify-proof.ts'

/** What an attestor of JWT proofs needs. */
export interface JwtAttestorDeps {
  readonly now: Now
  readonly keys: KeySources
  /** Host, and port if any, of our own issuer: the authority of workload URIs. */
  readonly ourIssuerHost: string
}

/** Attests ID tokens of an OIDC issuer (OpenID Connect Core section 2), with what the provider's preset knows of the platform. */
export function createOidcAttestor(deps: JwtAttestorDeps): Attestor {
  return { kind: 'oidc', attest: createProofVerifier(deps), holdsKey: deps.keys.holdsKey }
}
