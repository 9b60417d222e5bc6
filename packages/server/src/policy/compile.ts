import type { Preset, TrustProvider } from '../attestors/index.ts'
import type { Service } from '../inventory/index.ts'
import { parseDurationMs } from '../lib/index.ts'
import { nearestName, type Problem, pointerOf, pointerTo, type Resource } from '../resources/index.ts'
import { conditionClaim } from './condition-claim.ts'
import { parseExpiry, type TrustPolicySpec, trustPolicySpec } from './schema.ts'
import { parseMinuteOfDay } from './time-window.ts'
import type { Condition, TrustPolicy } from './types.ts'

/** What the names in a policy are resolved against. */
export interface PolicyReferences {
  readonly providersByName: ReadonlyMap<string, TrustProvider>
  readonly servicesByName: ReadonlyMap<string, Service>
}

/** A compiled policy, or why there is none; a policy that does not compile grants nothing. */
export type PolicyCompilation = { readonly policy: TrustPolicy } | { readonly problems: readonly Problem[] }

/** The lifetime of a grant whose policy names none, in seconds. */
/** The lifetime of tokens of a policy that states none. */
export const DEFAULT_TTL_SECONDS = 900

function problem(code: string, pointer: string, detail: string, fix: string): Problem {
  return { severity: 'error', code, pointer, detail, fix }
}

/** The conditions of a `match` in file order; several operators on one claim are several conditions. */
function conditionsOf(match: TrustPolicySpec['match'], preset: Preset): Condition[] {
  const conditions: Condition[] = []
  for (const [name, value] of Object.entries(match)) {
    const claim = conditionClaim(name, preset)
    if (typeof value !== 'object') {
      conditions.push({ ...claim, operator: 'eq', value })
      continue
    }
    if (value.eq !== undefined) conditions.push({ ...claim, operator: 'eq', value: value.eq })
    if (value.in !== undefined) conditions.push({ ...claim, operator: 'in', values: value.in })
    if (value.notIn !== undefined) conditions.push({ ...claim, operator: 'notIn', values: value.notIn })
    if (value.glob !== undefined) conditions.push({ ...claim, operator: 'glob', pattern: value.glob })
    if (value.exists !== undefined) conditions.push({ ...claim, operator: 'exists', value: value.exists })
    if (value.lt !== undefined) conditions.push({ ...claim, operator: 'lt', value: value.lt })
    if (value.gt !== undefined) conditions.push({ ...claim, operator: 'gt', value: value.gt })
    if (value.cidr !== undefined) conditions.push({ ...claim, operator: 'cidr', ranges: value.cidr })
  }
  return conditions
}

function seconds(duration: string): number {
  return (parseDurationMs(duration) ?? 0) / 1000
}

function limitsOf(limits: TrustPolicySpec['limits']): TrustPolicy['limits'] {
  const window = limits?.timeWindow
  return {
    ...(limits?.maxProofAge === undefined ? {} : { maxProofAgeSeconds: seconds(limits.maxProofAge) }),
    ...(limits?.maxUses === undefined ? {} : { maxUses: limits.maxUses }),
    ...(limits?.usesPerMinute === undefined ? {} : { usesPerMinute: limits.usesPerMinute }),
    ...(limits?.sourceAddresses === undefined ? {} : { sourceAddresses: limits.sourceAddresses }),
    ...(limits?.senderConstraint === undefined ? {} : { senderConstraint: limits.senderConstraint }),
    ...(window === undefined
      ? {}
      : {
          timeWindow: {
            days: window.days,
            fromMinute: parseMinuteOfDay(window.from) ?? 0,
            toMinute: parseMinuteOfDay(window.to) ?? 0,
            timeZone: window.timeZone,
          },
        }),
  }
}

function missing(kind: string, pointer: string, name: string, known: Iterable<string>): Problem {
  const near = nearestName(name, known)
  return problem(
    `unknown_${kind}`,
    pointer,
    `there is no ${kind} named '${name}'`,
    near === undefined ? `create the ${kind} first, or in the same apply` : `did you mean '${near}'?`,
  )
}

/** What only the provider and the service can tell: environments, scopes, and the kind of limit that fits the proofs. */
function contextProblems(
  spec: TrustPolicySpec,
  environment: string,
  provider: TrustProvider,
  service: Service,
): Problem[] {
  const problems: Problem[] = []
  // S-16: a grant crosses environments only where the policy says so itself.
  if (environment !== service.environment && spec.crossEnvironment !== true) {
    problems.push(
      problem(
        'environment_mismatch',
        '/metadata/environment',
        `the policy is of environment '${environment}', its service of '${service.environment}'`,
        'use the environment of the service, or say `crossEnvironment: true` if this is meant',
      ),
    )
  }
  for (const [index, scope] of spec.grant.scopes.entries()) {
    if (service.scopes.includes(scope)) continue
    const near = nearestName(scope, service.scopes)
    const prefix = `${service.scopePrefix}:`
    if (service.scopePrefix !== undefined && scope.startsWith(prefix)) {
      problems.push(
        problem(
          'unknown_service',
          pointerTo('/spec/grant/scopes', index),
          `there is no service named '${scope.slice(prefix.length)}'`,
          near === undefined ? 'create the service first, or in the same apply' : `did you mean '${near}'?`,
        ),
      )
      continue
    }
    problems.push(
      problem(
        'unknown_scope',
        pointerTo('/spec/grant/scopes', index),
        `the service '${service.name}' has no scope '${scope}'`,
        near === undefined ? `use one of ${service.scopes.join(', ')}` : `did you mean '${near}'?`,
      ),
    )
  }
  const cached = provider.preset.freshness.class === 'cached'
  const unfit = cached ? 'maxUses' : 'usesPerMinute'
  if (spec.limits?.[unfit] !== undefined) {
    problems.push(
      problem(
        'limit_unfit',
        `/spec/limits/${unfit}`,
        `proofs of '${provider.name}' are ${cached ? 'used again until they expire' : 'counted until they expire'}`,
        `use \`${cached ? 'usesPerMinute' : 'maxUses'}\``,
      ),
    )
  }
  return problems
}

/**
 * Resolves and parses a stored policy. Names become ids, durations become seconds, claims get the types of the provider's preset.
 * Everything that is wrong is reported at once, as values; `lintTrustPolicy` says more about what is merely unwise.
 */
export function compileTrustPolicy(resource: Resource<unknown>, references: PolicyReferences): PolicyCompilation {
  const { metadata, spec: raw } = resource.document
  const parsed = trustPolicySpec.safeParse(raw)
  if (!parsed.success) {
    return {
      problems: parsed.error.issues.map((issue) =>
        problem('invalid', `/spec${pointerOf(issue.path)}`, issue.message, 'correct the member'),
      ),
    }
  }
  const spec = parsed.data
  const problems: Problem[] = []
  const rawMatch = (raw as { match: object }).match
  // A condition that the schema library drops (`__proto__`) would widen the policy.
  if (Object.keys(spec.match).length !== Object.getOwnPropertyNames(rawMatch).length) {
    problems.push(problem('forbidden_member', '/spec/match', 'a claim name is not allowed', 'remove the member'))
  }
  // T36 and invariant 1: no condition means no match, never everybody.
  if (Object.keys(spec.match).length === 0) {
    problems.push(
      problem(
        'empty_match',
        '/spec/match',
        'the policy has no condition',
        'name the claims of the workload that it is for',
      ),
    )
  }
  const { environment } = metadata
  if (environment === undefined) {
    problems.push(problem('missing_environment', '/metadata', 'the policy has no environment', 'add `environment`'))
  }
  const provider = references.providersByName.get(spec.provider)
  if (!provider) {
    problems.push(missing('provider', '/spec/provider', spec.provider, references.providersByName.keys()))
  }
  const service = references.servicesByName.get(spec.grant.service)
  if (!service) {
    problems.push(missing('service', '/spec/grant/service', spec.grant.service, references.servicesByName.keys()))
  }
  if (!provider || !service || environment === undefined) return { problems }
  problems.push(...contextProblems(spec, environment, provider, service))
  if (problems.length > 0) return { problems }
  return {
    policy: {
      id: resource.id,
      name: metadata.name,
      revision: resource.revision,
      enabled: resource.enabled,
      mode: spec.mode,
      environment,
      crossEnvironment: spec.crossEnvironment === true,
      providerId: provider.id,
      conditions: conditionsOf(spec.match, provider.preset),
      grant: {
        service,
        scopes: spec.grant.scopes,
        ttlSeconds: spec.grant.ttl === undefined ? DEFAULT_TTL_SECONDS : seconds(spec.grant.ttl),
      },
      limits: limitsOf(spec.limits),
      expiresAt: spec.expires === undefined ? undefined : parseExpiry(spec.expires),
      dangers: provider.preset.dangers,
    },
  }
}
