// `decide` at 10, 1,000 and 100,000 policies: of many organisations, and of one organisation whose policies differ only by a glob.
import type { Attestation, TrustProvider } from '../packages/server/src/attestors/index.ts'
import { findPreset } from '../packages/server/src/attestors/index.ts'
import type { Service } from '../packages/server/src/inventory/index.ts'
import {
  type CompiledPolicies,
  type Condition,
  compilePolicies,
  type TrustPolicy,
} from '../packages/server/src/policy/index.ts'
import type { BenchResult } from './report.ts'

const SIZES = [10, 1_000, 100_000] as const
const LIMIT_US = 30
const DECISIONS = 40_000
/** Distinct workloads that ask in turn: enough that the memory of one does not stay in the cache for its next turn. */
const INPUTS = 1_000
const NOW = new Date('2026-11-24T09:00:00Z')

const preset = findPreset('github-actions')
if (!preset) throw new Error('the preset github-actions is gone')

const provider: TrustProvider = {
  id: 'tp_bench',
  name: 'github',
  revision: 1,
  enabled: true,
  preset,
  issuer: 'https://token.actions.githubusercontent.com',
  audience: 'https://sts.example',
  keys: { from: 'discovery' },
  algorithms: ['RS256'],
  require: { repository_owner_id: '1' },
  freshness: preset.freshness,
  maxTtlSeconds: undefined,
  allowPrivateNetwork: false,
  caFile: undefined,
}

const service: Service = {
  id: 'svc_bench',
  name: 'orders',
  revision: 1,
  enabled: true,
  environment: 'production',
  audience: 'https://orders.example',
  scopes: ['orders:read', 'orders:deploy'],
  readScopes: ['orders:read'],
  verification: { maxStaleSeconds: 30, onUnavailable: 'deny' },
}

const owner: Condition = { claim: 'repository_owner_id', operator: 'eq', value: '1' }
const branch: Condition = { claim: 'ref', operator: 'eq', value: 'refs/heads/main' }
const push: Condition = { claim: 'event_name', operator: 'in', values: ['push'] }

function policy(index: number, conditions: readonly Condition[]): TrustPolicy {
  return {
    id: `pol_${index}`,
    name: `policy-${index}`,
    revision: 1,
    enabled: true,
    mode: 'enforce',
    environment: 'production',
    crossEnvironment: false,
    providerId: provider.id,
    conditions,
    grant: { service, scopes: ['orders:deploy'], ttlSeconds: 900 },
    limits: {},
    expiresAt: undefined,
  }
}

function attestation(index: number, workflow: string): Attestation {
  return {
    provider,
    subject: `repo:acme/repo-${index}`,
    claims: {
      repository_owner_id: '1',
      repository_id: String(index),
      ref: 'refs/heads/main',
      event_name: 'push',
      environment: 'production',
      job_workflow_ref: workflow,
    },
    tokenClaims: {},
    workloadUri: 'countersign://sts.example/workload/tp_bench/1',
    workloadId: 'wl_bench',
    kid: 'bench',
    keyThumbprint: 'bench',
    proofKey: new Uint8Array(32),
    issuedAt: NOW,
    expiresAt: new Date(NOW.getTime() + 300_000),
  }
}

interface Family {
  readonly name: string
  readonly conditionsOf: (index: number) => readonly Condition[]
}

const workflowOf = (index: number) => `acme/repo-${index}/.github/workflows/release.yml@refs/heads/main`

const FAMILIES: readonly Family[] = [
  {
    name: 'ids',
    conditionsOf: (index) => [owner, { claim: 'repository_id', operator: 'eq', value: String(index) }, branch, push],
  },
  {
    name: 'glob',
    conditionsOf: (index) => [
      owner,
      branch,
      push,
      {
        claim: 'job_workflow_ref',
        operator: 'glob',
        pattern: `acme/repo-${index}/.github/workflows/*@refs/heads/main`,
      },
    ],
  },
]

/** Median of five rounds, in microseconds, over attestations spread across the policies. */
function measure(policies: CompiledPolicies, size: number, allowed: boolean): number {
  const inputs = Array.from({ length: INPUTS }, (_, step) => {
    // A repository beyond the last policy is one that nobody has granted anything.
    const index = allowed ? Math.floor((step * size) / INPUTS) : size + step
    const request = { service, scopes: undefined, ttlSeconds: undefined, remoteAddress: undefined }
    return { attestation: attestation(index, workflowOf(index)), request, now: NOW }
  })
  const rounds = Array.from({ length: 6 }, () => {
    const startedAt = performance.now()
    for (let step = 0; step < DECISIONS; step += 1) {
      const input = inputs[step % inputs.length]
      if (!input || policies.decide(input).allowed !== allowed) throw new Error('a decision came out the other way')
    }
    return ((performance.now() - startedAt) * 1000) / DECISIONS
  })
  // The first round warms the compiler.
  return rounds.slice(1).sort((a, b) => a - b)[2] ?? Number.NaN
}

/** Measures every family at every size. */
export async function run(): Promise<BenchResult> {
  const round = (value: number) => Math.round(value * 100) / 100
  const results = FAMILIES.flatMap(({ name, conditionsOf }) =>
    SIZES.map((size) => {
      const compiled = compilePolicies(Array.from({ length: size }, (_, index) => policy(index, conditionsOf(index))))
      return {
        family: name,
        policies: size,
        'allowed us': round(measure(compiled, size, true)),
        'denied us': round(measure(compiled, size, false)),
      }
    }),
  )
  const us = (family: string, size: number, column: 'allowed us' | 'denied us' = 'allowed us') =>
    results.find((row) => row.family === family && row.policies === size)?.[column] ?? Number.NaN
  return {
    rows: results,
    bars: [
      ...SIZES.map((size) => ({ name: `decide.us.${size}`, value: us('ids', size), unit: 'us', limit: LIMIT_US })),
      { name: 'decide.us.glob', value: us('glob', 100_000), unit: 'us', limit: LIMIT_US },
      { name: 'decide.us.denied', value: us('ids', 100_000, 'denied us'), unit: 'us', limit: LIMIT_US },
      { name: 'decide.us.denied.glob', value: us('glob', 100_000, 'denied us'), unit: 'us', limit: LIMIT_US },
      { name: 'decide.growth', value: round(us('ids', 100_000) / us('ids', 10)), unit: 'x', limit: 2 },
      { name: 'decide.growth.glob', value: round(us('glob', 100_000) / us('glob', 10)), unit: 'x', limit: 2 },
    ],
    notes: [
      'allowed decisions are spread over the policies, denied ones are of repositories that no policy names; `glob`: one organisation, equal but for a glob',
    ],
  }
}
