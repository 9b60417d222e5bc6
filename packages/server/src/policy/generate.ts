import { type ClaimValue, findClaimDefinition, type TrustProvider } from '../attestors/index.ts'
import type { Service } from '../inventory/index.ts'
import type { JsonObject, JsonValue } from '../lib/index.ts'
import type { ResourceDocument } from '../resources/index.ts'
import { findDanger } from './dangers.ts'
import { claimValue } from './operators.ts'
import type { DenialCode } from './types.ts'

/** What a policy is drafted from: a proof that verified and passed `require`, and nothing that the caller chose. */
export interface GenerateInput {
  readonly provider: TrustProvider
  /** The verified, typed claims of the recorded exchange. */
  readonly claims: Readonly<Record<string, ClaimValue>>
  /** The service that was asked for; undefined when none has the audience: the reviewer fills it in. */
  readonly service: Service | undefined
  /** How the exchange came out, if it was refused. */
  readonly denial?: { readonly code: DenialCode; readonly nearestPolicyName?: string | undefined }
  readonly now: Date
}

/** A draft for a reviewer, and what the reviewer should know. */
export interface GeneratedPolicyDraft {
  readonly document: ResourceDocument
  readonly notes: readonly string[]
}

/** What stands where only a reviewer knows the answer. The lint refuses it, so that it cannot be saved by accident. */
const OPEN = 'change-me'

const REVIEW_AFTER_DAYS = 90

// Where and how a workload runs, beyond who it is, by preset. Claims that change with every run are left out.
const CONTEXT: Readonly<Record<string, readonly string[]>> = {
  'github-actions': ['ref', 'environment', 'event_name', 'job_workflow_ref'],
  kubernetes: ['namespace', 'serviceaccount'],
}

/** Tenant first, then identity, then context; only claims that came with a value. */
function chosenClaims({ provider, claims }: GenerateInput): readonly string[] {
  const { preset } = provider
  const isId = (claim: string) => findClaimDefinition(preset, claim)?.immutable === true
  const ordered = [
    ...preset.tenantClaims.filter(isId),
    ...Object.keys(provider.require).filter(isId),
    ...preset.identityClaims,
    ...(CONTEXT[preset.name] ?? []),
  ]
  return [...new Set(ordered)].filter((claim) => {
    const value = claimValue(claims, claim)
    return value !== undefined && value !== '' && typeof value !== 'object'
  })
}

/** Whether the preset calls this value of the claim dangerous. */
function isDangerous(provider: TrustProvider, claim: string, value: ClaimValue): boolean {
  const dangers = provider.preset.dangers.filter((danger) => danger.claim === claim)
  const preset = { ...provider.preset, dangers }
  return findDanger({ provider: { ...provider, preset }, claims: { [claim]: value } }, [], true) !== undefined
}

/** Another value of the same type, for a case that must be refused. */
function otherValue(value: ClaimValue): JsonValue {
  if (typeof value === 'number') return value + 1
  if (typeof value === 'boolean') return !value
  if (typeof value === 'object') return null
  return /^[0-9]+$/.test(value) ? `${value}0` : `${value}-other`
}

function caseClaims(input: GenerateInput, chosen: readonly string[]): JsonObject {
  const { provider, claims } = input
  const names = new Set([
    ...Object.keys(provider.require),
    ...chosen,
    ...provider.preset.dangers.map((danger) => danger.claim),
  ])
  const entries = [...names].map((name) => [name, claimValue(claims, name)] as const)
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as JsonObject
}

function nameOf({ provider, service }: GenerateInput): string {
  return `draft-${provider.name}-${service?.name ?? 'service'}`.slice(0, 63).replace(/-+$/, '')
}

function notesOf(input: GenerateInput, chosen: readonly string[], blocked: string | undefined): string[] {
  const { provider, claims, service, denial } = input
  const { preset } = provider
  const notes = [
    `mode is shadow: the policy is evaluated and recorded, and grants nothing until a reviewer sets it to enforce`,
    `owner and purpose are left open ("${OPEN}"): the policy cannot be saved before somebody answers for it`,
  ]
  notes.push(
    service && service.readScopes.length > 0
      ? `scopes are the service's read scopes, whatever was requested: choose what the workload needs (${service.scopes.join(', ')})`
      : `the service has no read scope to begin with: choose the scopes${service ? ` (${service.scopes.join(', ')})` : ''}`,
  )
  if (!service) notes.push('no service has the requested audience: fill in the service and its environment')
  const context = CONTEXT[preset.name] ?? []
  const absent = context.filter((claim) => !chosen.includes(claim))
  for (const claim of absent) {
    const meaning = findClaimDefinition(preset, claim)?.meaning
    notes.push(`the proof has no ${claim}${meaning ? ` (${meaning})` : ''}: any value of it would be admitted`)
  }
  if (context.length === 0) {
    notes.push(
      `nothing is known of proofs of ${preset.name} beyond ${chosen.join(', ')}: add what tells the workload apart`,
    )
  }
  if (typeof claims['ref'] === 'string' && claims['ref'].startsWith('refs/pull/')) {
    notes.push('ref names one pull request: the policy admits that one only')
  }
  if (blocked !== undefined) notes.push(blocked)
  if (
    denial?.code === 'scope_not_granted' ||
    denial?.code === 'ambiguous_policy' ||
    denial?.code === 'policy_expired'
  ) {
    const name = denial.nearestPolicyName === undefined ? 'a policy' : denial.nearestPolicyName
    notes.push(`${name} matches this workload already (${denial.code}): correct that one rather than adding another`)
  }
  return notes
}

/**
 * Drafts the tight policy that would admit exactly this workload: the tenant's immutable id first, then the workload's identity and
 * where it runs, each with its exact value; in mode shadow, never with the requested scopes; with `tests` that allow these claims
 * and refuse each changed one. A dangerous value is matched but not named, so that the danger still refuses (T21).
 */
export function generatePolicy(input: GenerateInput): GeneratedPolicyDraft {
  const { provider, claims, service, now } = input
  const chosen = chosenClaims(input)
  const match: Record<string, JsonValue> = {}
  for (const claim of chosen) {
    const value = claims[claim]
    if (value === undefined || typeof value === 'object') continue
    // A pattern without a wildcard is the same as eq, but does not count as naming the value.
    match[claim] = isDangerous(provider, claim, value) ? { glob: String(value) } : value
  }
  const danger = findDanger({ provider, claims }, [], false)
  const blocked = danger && `proofs like this one stay refused: ${danger.claim}: ${danger.why}; ${danger.fix}`
  const allowed = caseClaims(input, chosen)
  const changes = chosen.map((claim) => ({ deny: { change: { [claim]: otherValue(claims[claim] ?? '') } } }))
  const reviewBy = new Date(now.getTime() + REVIEW_AFTER_DAYS * 86_400_000).toISOString().slice(0, 10)
  const readScopes = service?.readScopes ?? []
  return {
    document: {
      apiVersion: 'countersign/v1',
      kind: 'TrustPolicy',
      metadata: {
        name: nameOf(input),
        owner: `team:${OPEN}`,
        purpose: OPEN,
        environment: service?.environment ?? OPEN,
        reviewBy,
      },
      spec: {
        provider: provider.name,
        match,
        grant: { service: service?.name ?? OPEN, scopes: readScopes.length > 0 ? readScopes : [OPEN], ttl: '15m' },
        mode: 'shadow',
      },
      tests: danger ? [{ deny: allowed }] : [{ allow: allowed }, ...changes],
    },
    notes: notesOf(input, chosen, blocked),
  }
}
