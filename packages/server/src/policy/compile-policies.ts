import { createProbeTable } from './access-keys.ts'
import { viewClaims } from './claim-view.ts'
import { decideAmong, denyWithoutPolicies, type PolicySource } from './decide.ts'
import { growPolicyTree, type PolicyTree, visitPolicyTree } from './policy-tree.ts'
import { createPreparer, indexedPolicy, type ReadyPolicy } from './ready-policy.ts'
import type { CompiledPolicies, TrustPolicy } from './types.ts'

// A denial names the nearest of so many policies: exact for the usual number, a hint above it; `explain` looks at all of them.
const SAMPLE_SIZE = 10

function growTree(policies: readonly ReadyPolicy[]): PolicyTree<ReadyPolicy> {
  const findProbe = createProbeTable()
  return growPolicyTree(policies.map((ready) => indexedPolicy(ready, findProbe)))
}

/** The policies of one provider and one service, indexed. */
function createSource(policies: readonly TrustPolicy[]): PolicySource {
  const byId = [...policies].sort((left, right) => (left.id < right.id ? -1 : 1)).map(createPreparer())
  const enforced = byId.filter((ready) => ready.policy.mode === 'enforce')
  const enforcedTree = growTree(enforced)
  const shadow = byId.filter((ready) => ready.policy.mode === 'shadow')
  const shadowTree = growTree(shadow)
  return {
    enforced: (attestation, visit) => visitPolicyTree(enforcedTree, viewClaims(attestation.claims), visit),
    shadowed: (attestation, visit) => {
      if (shadow.length > 0) visitPolicyTree(shadowTree, viewClaims(attestation.claims), visit)
    },
    sample: enforced.slice(0, SAMPLE_SIZE),
  }
}

function groupBy<Key, Item>(items: Iterable<Item>, keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}

interface Group {
  readonly policies: readonly TrustPolicy[]
  readonly source: PolicySource
}

type Groups = ReadonlyMap<string, ReadonlyMap<string, Group>>

// What an earlier result was made of, so that a change of one policy does not index all the others again.
const groupsOf = new WeakMap<CompiledPolicies, Groups>()

function sameMembers(left: readonly TrustPolicy[], right: readonly TrustPolicy[]): boolean {
  if (left.length !== right.length) return false
  const members = new Set(left)
  return right.every((policy) => members.has(policy))
}

/**
 * Compiles policies into an index by provider, service and the most selective condition of each. Disabled policies are left out;
 * expired ones stay, so that a denial can say that the policy has expired. Their order makes no difference. What `previous` has
 * indexed of the very same policies is used again.
 */
export function compilePolicies(policies: readonly TrustPolicy[], previous?: CompiledPolicies): CompiledPolicies {
  const enabled = policies.filter((policy) => policy.enabled)
  const before = previous && groupsOf.get(previous)
  const groups = new Map<string, Map<string, Group>>()
  for (const [providerId, ofProvider] of groupBy(enabled, (policy) => policy.providerId)) {
    const byService = new Map<string, Group>()
    for (const [serviceId, members] of groupBy(ofProvider, (policy) => policy.grant.service.id)) {
      const known = before?.get(providerId)?.get(serviceId)
      const group = known && sameMembers(known.policies, members) ? known : undefined
      byService.set(serviceId, group ?? { policies: members, source: createSource(members) })
    }
    groups.set(providerId, byService)
  }
  const compiled: CompiledPolicies = {
    size: enabled.length,
    decide(input) {
      const { provider } = input.attestation
      const { service } = input.request
      const group = service?.enabled && provider.enabled ? groups.get(provider.id)?.get(service.id) : undefined
      return group ? decideAmong(group.source, input) : denyWithoutPolicies(service)
    },
  }
  groupsOf.set(compiled, groups)
  return compiled
}
