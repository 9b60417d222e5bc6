import type { JsonObject } from '../lib/index.ts'
import type { TypedClaims } from './claims.ts'
import type { JwtAttestorDeps } from './oidc.ts'
import type { Attestor } from './types.ts'
import { createProofVerifier } from './verify-proof.ts'

// The API server writes the service account twice; policies read one place, people and other systems the other.
function findInconsistency(token: JsonObject, typed: TypedClaims): string | undefined {
  const { namespace, serviceaccount } = typed.claims
  return token['sub'] === `system:serviceaccount:${String(namespace)}:${String(serviceaccount)}`
    ? undefined
    : 'sub names another service account than the kubernetes.io claims'
}

/**
 * Attests projected service account tokens by the cluster's public keys, without a call to the cluster. A deleted pod's token is therefore
 * accepted until it expires; only TokenReview could tell. Many clusters may share one issuer string: their keys tell them apart.
 */
export function createKubernetesAttestor(deps: JwtAttestorDeps): Attestor {
  return {
    kind: 'kubernetes',
    attest: createProofVerifier({ ...deps, findInconsistency }),
    holdsKey: deps.keys.holdsKey,
  }
}
