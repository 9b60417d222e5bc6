import type { Preset } from '../types.ts'

/**
 * Any OIDC issuer of which nothing is known: every top-level string, number, boolean or string array is a claim, typed by its
 * JSON type, so a condition on a value of another type never holds. The workload is the subject. A provider needs `require`, or
 * `singleTenant: true` where the issuer serves one organisation only. One use per proof, until the platform has a preset.
 */
export const oidc: Preset = {
  name: 'oidc',
  title: 'OpenID Connect issuer',
  attestor: 'oidc',
  sharedIssuers: [],
  algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'Ed25519', 'EdDSA'],
  proofTypes: [undefined, 'application/jwt'],
  claims: { sub: { type: 'string', meaning: 'subject; the issuer says what it names' } },
  openClaims: true,
  tenantClaims: [],
  tenantAlways: true,
  identityClaims: ['sub'],
  freshness: { class: 'per-request', maxUses: 1, maxLifetimeSeconds: 3600 },
  dangers: [],
}
