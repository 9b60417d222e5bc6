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
  const shadowTree = growTree(byId.filter((ready) => ready.policy.mode === 'shadow'))
  return {
    enforced: (attestation, visit) => visitPolicyTree(enforcedTree, viewClaims(attestation.claims), visit),
    shadowed: (attestation, visit) => visitPolicyTree(shadowTree, viewClaims(attestation.claims), visit),
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

/**
 * Compiles policies into an index by provider, service and the most selective condition of each. Disabled policies are left out;
 * expired ones stay, so that a denial can say that the policy has expired. Their order makes no difference.
 */
export function compilePolicies(policies: readonly TrustPolicy[]): CompiledPolicies {
  const enabled = policies.filter((policy) => policy.enabled)
  const sources = new Map<string, Map<string, PolicySource>>()
  for (const [providerId, ofProvider] of groupBy(enabled, (policy) => policy.providerId)) {
    const byService = groupBy(ofProvider, (policy) => policy.grant.service.id)
    sources.set(
      providerId,
      new Map([...byService].map(([serviceId, group]) => [serviceId, createSource(group)] as const)),
    )
  }
  return {
    size: enabled.length,
    decide(input) {
      const { provider } = input.attestation
      const { service } = input.request
      const source = service?.enabled && provider.enabled ? sources.get(provider.id)?.get(service.id) : undefined
      return source ? decideAmong(source, input) : denyWithoutPolicies(service)
    },
  }
}
