import type { ClaimDefinition, Preset } from '../types.ts'

// Source: kubernetes.io, "Managing Service Accounts" and KEP-4193 (node, jti), read 2026-11. The claims lie under `kubernetes.io`.
const CLAIMS: Readonly<Record<string, ClaimDefinition>> = {
  serviceaccount_uid: {
    type: 'string',
    meaning: 'uid of the service account; another one after it was deleted and made again',
    path: ['kubernetes.io', 'serviceaccount', 'uid'],
    immutable: true,
  },
  namespace: { type: 'string', meaning: 'namespace of the service account', path: ['kubernetes.io', 'namespace'] },
  serviceaccount: {
    type: 'string',
    meaning: 'name of the service account',
    path: ['kubernetes.io', 'serviceaccount', 'name'],
    pinnedBy: 'serviceaccount_uid',
  },
  pod: { type: 'string', meaning: 'pod that the token is bound to', path: ['kubernetes.io', 'pod', 'name'] },
  pod_uid: { type: 'string', meaning: 'uid of that pod', path: ['kubernetes.io', 'pod', 'uid'], immutable: true },
  node: { type: 'string', meaning: 'node that the pod runs on', path: ['kubernetes.io', 'node', 'name'] },
  node_uid: { type: 'string', meaning: 'uid of that node', path: ['kubernetes.io', 'node', 'uid'], immutable: true },
}

/**
 * Projected service account tokens of a Kubernetes cluster. A cluster is one tenant: its issuer string may be shared by many
 * clusters (`https://kubernetes.default.svc`), its keys are not. Managed clusters have an issuer each, named by path or host
 * (EKS `https://oidc.eks.REGION.amazonaws.com/id/ID`, GKE `https://container.googleapis.com/v1/projects/...`, AKS
 * `https://REGION.oic.prod-aks.azure.com/TENANT/ID/`), and the exact issuer comparison keeps them apart; so no issuer is shared here.
 */
export const kubernetes: Preset = {
  name: 'kubernetes',
  title: 'Kubernetes',
  attestor: 'kubernetes',
  sharedIssuers: [],
  algorithms: ['RS256', 'ES256', 'ES384', 'ES512'],
  // The API server writes no `typ`.
  proofTypes: [undefined, 'application/jwt'],
  claims: CLAIMS,
  tenantClaims: [],
  identityClaims: ['serviceaccount_uid', 'namespace', 'serviceaccount'],
  // The kubelet writes one token per pod into a file and renews it at 80% of its life or after a day. Tokens of a year
  // (`--service-account-extend-token-expiration`) and the legacy ones without exp are refused.
  freshness: { class: 'cached', usesPerMinute: 20, maxLifetimeSeconds: 86_400 },
  dangers: [
    {
      claim: 'serviceaccount',
      values: ['default'],
      refuse: 'always',
      why: 'every pod of the namespace that names no service account runs as `default`',
      fix: 'give the workload a service account of its own, or name `default` in the policy',
    },
  ],
}
