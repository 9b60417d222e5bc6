import { comparePolicies, compileTrustPolicy, type TrustPolicy } from '../policy/index.ts'
import type { Resource } from '../resources/index.ts'
import type { Draft } from './draft.ts'
import { type Effect, NO_EFFECT } from './effect.ts'
import { changesTrustRoot, compareProviders } from './provider-effect.ts'
import { compareServices } from './service-effect.ts'
import type { CompiledReferences } from './state.ts'

/** Both sides of a plan, compiled. */
export interface BothSides {
  readonly before: CompiledReferences
  readonly after: CompiledReferences
  /** Names of providers that at least one policy of the resulting state refers to. */
  readonly usedProviders: ReadonlySet<string>
}

const widens = (reason: string): Effect => ({ effect: 'widens', reasons: [reason] })
const narrows = (reason: string): Effect => ({ effect: 'narrows', reasons: [reason] })
const both = (reason: string): Effect => ({ effect: 'widens_and_narrows', reasons: [reason] })

/** How a change moves what is admitted or obtainable. What cannot be compared counts as moving both ways. */
export function effectOf({ before, after }: Draft, sides: BothSides): Effect {
  const kind = (after ?? before)?.document.kind
  if (kind === 'TrustPolicy') return policyEffect(before, after, sides)
  if (kind === 'TrustProvider') return providerEffect(before, after, sides)
  if (kind === 'Service') return serviceEffect(before, after, sides)
  // Owners and registered workloads describe; they admit nothing.
  return NO_EFFECT
}

/** Whether the change trusts an issuer that was not trusted like this before (S-12). */
export function addsIssuer({ before, after, verb }: Draft, sides: BothSides): boolean {
  if (after?.document.kind !== 'TrustProvider') return false
  if (!before || verb === 'restored') return true
  const { name } = after.document.metadata
  const old = sides.before.providersByName.get(name)
  const now = sides.after.providersByName.get(name)
  return !old || !now || changesTrustRoot(old, now)
}

/**
 * Whether a policy that is put to sleep (shadow, disabled) becomes another one that would admit more when somebody wakes it: asleep it
 * grants nothing, so its effect is a narrowing, and yet it has been rewritten.
 */
export function isRewrittenAsleep({ before, after }: Draft, sides: BothSides): boolean {
  if (before?.document.kind !== 'TrustPolicy' || !after) return false
  const old = compileTrustPolicy(before, sides.before)
  const now = compileTrustPolicy(after, sides.after)
  // What cannot be compared is another policy, unless it is the same text: disabling works on everything.
  if (!('policy' in old) || !('policy' in now)) {
    return JSON.stringify(before.document.spec) !== JSON.stringify(after.document.spec)
  }
  const awake = { enabled: true, mode: 'enforce' } as const
  return comparePolicies({ ...old.policy, ...awake }, { ...now.policy, ...awake }).widens
}

function enabledEffect(before: Resource | undefined, after: Resource | undefined): Effect | undefined {
  if (!before || !after || before.enabled === after.enabled) return undefined
  return after.enabled ? widens('it is enabled again') : narrows('it is disabled')
}

function serviceEffect(before: Resource | undefined, after: Resource | undefined, sides: BothSides): Effect {
  if (!after) return narrows('the service is deleted')
  // A service admits nobody until a policy grants its scopes.
  if (!before) return NO_EFFECT
  const toggled = enabledEffect(before, after)
  if (toggled) return toggled
  const { name } = after.document.metadata
  const old = sides.before.servicesByName.get(name)
  const now = sides.after.servicesByName.get(name)
  return old && now ? compareServices(old, now) : both('the service cannot be compared')
}

function providerEffect(before: Resource | undefined, after: Resource | undefined, sides: BothSides): Effect {
  if (!after) return narrows('the provider is deleted')
  const { name } = after.document.metadata
  // Provably nobody: a proof is admitted by a policy that names its provider.
  if (!before || !sides.usedProviders.has(name)) return NO_EFFECT
  const toggled = enabledEffect(before, after)
  if (toggled) return toggled
  const old = sides.before.providersByName.get(name)
  const now = sides.after.providersByName.get(name)
  return old && now ? compareProviders(old, now) : both('the provider cannot be compared')
}

/** The policy if it is compiled, `'broken'` if it does not compile; undefined for none and for a shadow, which never grants. */
function enforcing(resource: Resource | undefined, references: CompiledReferences): TrustPolicy | 'broken' | undefined {
  if (!resource) return undefined
  const compilation = compileTrustPolicy(resource, references)
  if (!('policy' in compilation)) return 'broken'
  return compilation.policy.mode === 'enforce' ? compilation.policy : undefined
}

function policyEffect(before: Resource | undefined, after: Resource | undefined, sides: BothSides): Effect {
  // Whatever it is now, it may have issued while it was something else.
  if (before && !after) return narrows('the policy is deleted')
  const toggled = enabledEffect(before, after)
  if (toggled?.effect === 'narrows') return toggled
  const old = enforcing(before, sides.before)
  const now = enforcing(after, sides.after)
  if (!old && !now) return NO_EFFECT
  if (old === 'broken' || now === 'broken') return both('the policy cannot be compared')
  if (!old) return widens(before ? 'the policy takes effect' : 'a new policy takes effect')
  if (!now) return narrows('the policy no longer takes effect')
  if (toggled) return toggled
  // Also while it is disabled: whoever enables it later has not seen the change, and what it issued before may still be alive.
  const { effect, reasons } = comparePolicies({ ...old, enabled: true }, { ...now, enabled: true })
  return { effect, reasons }
}
