import { type ClaimValue, findClaimDefinition, knowsClaim, type TrustProvider } from '../attestors/index.ts'
import { compilePolicies } from './compile-policies.ts'
import { requireConditions } from './condition-claim.ts'
import { explainCondition } from './explain.ts'
import type { PolicyTest } from './schema.ts'
import type { TrustPolicy } from './types.ts'

/** How one case came out. */
export interface PolicyTestCase {
  /** Its place in `tests`, from 0. */
  readonly index: number
  readonly expected: 'allow' | 'deny'
  readonly passed: boolean
  /** Why it came out so, in a sentence. */
  readonly detail: string
}

/** How all cases of a policy came out. */
export interface PolicyTestRun {
  readonly passed: number
  readonly failed: readonly PolicyTestCase[]
  readonly cases: readonly PolicyTestCase[]
}

type Claims = Readonly<Record<string, ClaimValue>>
type Outcome = { readonly allowed: boolean; readonly detail: string } | { readonly fault: string }

/** The first claim that no proof of the preset could carry: a case with it would say nothing about real proofs. */
function claimFault(claims: Claims, provider: TrustProvider): string | undefined {
  for (const [name, value] of Object.entries(claims)) {
    const { preset } = provider
    if (!knowsClaim(preset, name)) return `proofs of ${preset.name} carry no claim ${name}`
    const type = findClaimDefinition(preset, name)?.type
    const actual = typeof value === 'object' ? 'strings' : typeof value
    if (type !== undefined && type !== actual) return `${name} is of type ${type}, the case gives ${actual}`
  }
  return undefined
}

/** The policy as it would decide if it were in force: enforced, enabled, on a fresh proof within every limit. */
function inForce(policy: TrustPolicy): TrustPolicy {
  return { ...policy, mode: 'enforce', enabled: true, limits: {}, expiresAt: undefined }
}

function evaluate(
  policy: TrustPolicy,
  provider: TrustProvider,
  claims: Claims,
  scopes: readonly string[] | undefined,
  now: Date,
): Outcome {
  const fault = claimFault(claims, provider)
  if (fault !== undefined) return { fault }
  for (const condition of requireConditions(provider)) {
    const { outcome } = explainCondition(condition, claims)
    if (outcome !== 'ok')
      return { allowed: false, detail: `\`require\` of the provider: ${condition.claim} is ${outcome}` }
  }
  const service = { ...policy.grant.service, enabled: true }
  const subject = inForce({ ...policy, grant: { ...policy.grant, service } })
  const decision = compilePolicies([subject]).decide({
    attestation: {
      provider: { ...provider, enabled: true },
      subject: '',
      claims,
      tokenClaims: {},
      workloadUri: '',
      workloadId: '',
      kid: undefined,
      keyThumbprint: '',
      proofKey: new Uint8Array(),
      issuedAt: now,
      expiresAt: now,
    },
    request: { service, scopes, ttlSeconds: undefined, remoteAddress: undefined },
    now,
  })
  if (decision.allowed) return { allowed: true, detail: `grants ${decision.grant.scopes.join(', ')}` }
  const { firstFailing } = decision
  const failing = firstFailing ? `: ${firstFailing.claim} is ${firstFailing.outcome}` : ''
  return { allowed: false, detail: `${decision.code}${failing}` }
}

/** The claims of a case; a change to null takes a claim away. Undefined: relative to an allow that is not there. */
function claimsOf(test: PolicyTest, firstAllow: Claims | undefined): Claims | undefined {
  if ('allow' in test) return test.allow
  const { change } = test.deny
  if (change === undefined || typeof change !== 'object' || Array.isArray(change)) return test.deny as Claims
  if (!firstAllow) return undefined
  const claims = Object.entries({ ...firstAllow, ...change }).filter(([, value]) => value !== null)
  return Object.fromEntries(claims) as Claims
}

/**
 * Runs a policy's `tests` on the policy and its provider's `require` (S-11): a case asks for the full grant unless it names scopes, on
 * a fresh proof within every limit, whatever the mode. A case whose claims no proof could carry fails, also a deny: it proves nothing.
 */
export function runPolicyTests(
  policy: TrustPolicy,
  provider: TrustProvider,
  tests: readonly PolicyTest[],
  now: Date,
): PolicyTestRun {
  const firstAllow = tests.find((test) => 'allow' in test)?.allow
  const cases = tests.map((test, index): PolicyTestCase => {
    const expected = 'allow' in test ? 'allow' : 'deny'
    const claims = claimsOf(test, firstAllow)
    if (!claims)
      return { index, expected, passed: false, detail: '`change` is relative to the first allow, and there is none' }
    const outcome = evaluate(policy, provider, claims, test.request?.scopes, now)
    if ('fault' in outcome) return { index, expected, passed: false, detail: outcome.fault }
    return { index, expected, passed: outcome.allowed === (expected === 'allow'), detail: outcome.detail }
  })
  const failed = cases.filter((result) => !result.passed)
  return { passed: cases.length - failed.length, failed, cases }
}
