import type { Attestation, ClaimValue, Preset, TrustProvider } from '../attestors/index.ts'
import type { Service } from '../inventory/index.ts'
import type { Resource } from '../resources/index.ts'
import { conditionsFixture } from './conditions.fixture.ts'
import type { GrantRequest, TrustPolicy } from './types.ts'

/** The instant at which every test of this folder decides. */
export const NOW = new Date('2026-11-24T12:00:00Z')

/** A platform with one claim of each kind and both kinds of danger. */
export const PRESET: Preset = {
  name: 'fixture-ci',
  title: 'Fixture CI',
  attestor: 'oidc',
  sharedIssuers: ['https://ci.example'],
  algorithms: ['ES256'],
  proofTypes: [undefined],
  claims: {
    owner_id: { type: 'string', meaning: 'id of the owner', immutable: true },
    owner: { type: 'string', meaning: 'name of the owner', pinnedBy: 'owner_id', caseInsensitive: true },
    repository_id: { type: 'string', meaning: 'id of the repository', immutable: true },
    repository: { type: 'string', meaning: 'OWNER/NAME', pinnedBy: 'repository_id', caseInsensitive: true },
    ref: { type: 'string', meaning: 'git ref' },
    environment: { type: 'string', meaning: 'environment of the job' },
    job_workflow_ref: { type: 'string', meaning: 'file that defines the job' },
    event_name: { type: 'string', meaning: 'event that started the run' },
    attempt: { type: 'number', meaning: 'number of the attempt' },
    protected: { type: 'boolean', meaning: 'whether the ref is protected' },
    groups: { type: 'strings', meaning: 'groups of the actor' },
    address: { type: 'string', meaning: 'address of the runner' },
  },
  claimPrefixes: { prop_: { type: 'string', meaning: 'a custom property' } },
  tenantClaims: ['owner_id'],
  identityClaims: ['owner_id', 'repository_id'],
  freshness: { class: 'per-job', maxUses: 20, maxLifetimeSeconds: 3600 },
  dangers: [
    {
      claim: 'event_name',
      values: ['pull_request_target'],
      refuse: 'always',
      why: 'it may run code of a fork',
      fix: 'run the job on push',
    },
    {
      claim: 'event_name',
      values: ['pull_request'],
      refuse: 'write',
      why: 'it runs code that nobody has merged',
      fix: 'grant only read scopes',
    },
  ],
}

/** A provider of {@link PRESET} for one owner. */
export function providerFixture(changes: Partial<TrustProvider> = {}): TrustProvider {
  return {
    id: 'tp_ci',
    name: 'ci',
    revision: 1,
    enabled: true,
    preset: PRESET,
    issuer: 'https://ci.example',
    audience: 'https://sts.acme.example',
    keys: { from: 'discovery' },
    algorithms: ['ES256'],
    require: { owner_id: '123' },
    freshness: PRESET.freshness,
    maxTtlSeconds: undefined,
    allowPrivateNetwork: false,
    caFile: undefined,
    ...changes,
  }
}

/** A service with two read scopes and three that change something. */
export function serviceFixture(changes: Partial<Service> = {}): Service {
  return {
    id: 'svc_orders',
    name: 'orders-api',
    revision: 1,
    enabled: true,
    environment: 'production',
    audience: 'https://orders.acme.internal',
    scopes: ['orders:read', 'stock:read', 'orders:write', 'orders:deploy', 'orders:admin'],
    readScopes: ['orders:read', 'stock:read'],
    verification: { maxStaleSeconds: 30, onUnavailable: 'deny' },
    ...changes,
  }
}

/** The claims of a deployment of the main branch. */
export const CLAIMS: Readonly<Record<string, ClaimValue>> = {
  owner_id: '123',
  owner: 'acme',
  repository_id: '456',
  repository: 'acme/orders',
  ref: 'refs/heads/main',
  environment: 'production',
  job_workflow_ref: 'acme/deploy/.ci/release.yml@refs/heads/main',
  event_name: 'push',
  attempt: 1,
  protected: true,
  groups: ['deployers', 'developers'],
  address: '192.0.2.10',
}

/** An attestation of {@link CLAIMS}, issued five seconds before {@link NOW}. */
export function attestationFixture(changes: Partial<Attestation> = {}): Attestation {
  return {
    provider: providerFixture(),
    subject: 'repo:acme/orders',
    claims: CLAIMS,
    tokenClaims: {},
    workloadUri: 'countersign://ci.example/workload/tp_ci/123/456',
    workloadId: 'wl_fixture',
    kid: 'kid',
    keyThumbprint: 'thumbprint',
    proofKey: new Uint8Array(32),
    issuedAt: new Date(NOW.getTime() - 5000),
    expiresAt: new Date(NOW.getTime() + 300_000),
    ...changes,
  }
}

/** {@link CLAIMS} with changes; undefined takes a claim away. */
export function claimsFixture(changes: Readonly<Record<string, ClaimValue | undefined>>): Record<string, ClaimValue> {
  const claims: Record<string, ClaimValue> = {}
  for (const [name, value] of Object.entries({ ...CLAIMS, ...changes })) if (value !== undefined) claims[name] = value
  return claims
}

/** An enforced policy that lets the main branch deploy. */
export function policyFixture(changes: Partial<TrustPolicy> = {}): TrustPolicy {
  return {
    id: 'pol_deploy',
    name: 'deploy-orders',
    revision: 1,
    enabled: true,
    mode: 'enforce',
    environment: 'production',
    crossEnvironment: false,
    providerId: 'tp_ci',
    conditions: conditionsFixture({ repository_id: '456', ref: 'refs/heads/main' }),
    grant: { service: serviceFixture(), scopes: ['orders:deploy'], ttlSeconds: 900 },
    limits: {},
    expiresAt: undefined,
    dangers: PRESET.dangers,
    ...changes,
  }
}

/** A request for whatever the policy grants. */
export function requestFixture(changes: Partial<GrantRequest> = {}): GrantRequest {
  return {
    service: serviceFixture(),
    scopes: undefined,
    ttlSeconds: undefined,
    remoteAddress: '192.0.2.200',
    ...changes,
  }
}

/** The stored form of the policy of {@link policyFixture}; `spec` and `metadata` are merged member by member. */
export function policyResource(
  changes: { spec?: Record<string, unknown>; metadata?: Record<string, string>; tests?: readonly unknown[] } = {},
): Resource<unknown> {
  return {
    id: 'pol_deploy',
    document: {
      apiVersion: 'countersign/v1',
      kind: 'TrustPolicy',
      metadata: {
        name: 'deploy-orders',
        owner: 'team:orders',
        purpose: 'deploys the orders API',
        environment: 'production',
        reviewBy: '2027-05-01',
        ...changes.metadata,
      },
      spec: {
        provider: 'ci',
        match: {
          repository_id: '456',
          ref: 'refs/heads/main',
          environment: 'production',
          event_name: { in: ['push'] },
        },
        grant: { service: 'orders-api', scopes: ['orders:deploy'], ttl: '15m' },
        mode: 'enforce',
        ...changes.spec,
      },
      ...(changes.tests === undefined ? {} : { tests: changes.tests }),
    },
    revision: 1,
    enabled: true,
    createdAt: NOW,
    updatedAt: NOW,
  }
}

/** The names that {@link policyResource} refers to. */
export const REFERENCES = {
  providersByName: new Map([['ci', providerFixture()]]),
  servicesByName: new Map([['orders-api', serviceFixture()]]),
}
