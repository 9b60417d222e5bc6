import { accessKeys, type FindProbe } from './access-keys.ts'
import { type AddressRange, parseRanges } from './cidr.ts'
import { type ConditionTest, conditionTest } from './operators.ts'
import type { Indexed } from './policy-tree.ts'
import { timeWindowTest } from './time-window.ts'
import type { Condition, TrustPolicy } from './types.ts'

/** A condition of a policy, ready to be evaluated. */
export interface ReadyCondition {
  readonly claim: string
  readonly test: ConditionTest
}

/** A policy with everything prepared that a decision would otherwise compute again and again. */
export interface ReadyPolicy {
  readonly policy: TrustPolicy
  /** In file order. */
  readonly conditions: readonly ReadyCondition[]
  /** Undefined: any address. Empty: none. */
  readonly sourceRanges: readonly AddressRange[] | undefined
  readonly contains: ((now: Date) => boolean) | undefined
}

/** Prepares one condition. */
export function readyCondition(condition: Condition): ReadyCondition {
  return { claim: condition.claim, test: conditionTest(condition) }
}

/** A preparer that makes equal conditions and time windows once: policies of one organisation share most of them. */
export function createPreparer(): (policy: TrustPolicy) => ReadyPolicy {
  const conditions = new Map<string, ReadyCondition>()
  const windows = new Map<string, (now: Date) => boolean>()
  function once<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
    const value = known.get(key) ?? make()
    known.set(key, value)
    return value
  }
  return (policy) => {
    const { sourceAddresses, timeWindow } = policy.limits
    return {
      policy,
      conditions: policy.conditions.map((condition) =>
        once(conditions, JSON.stringify(condition), () => readyCondition(condition)),
      ),
      sourceRanges: sourceAddresses === undefined ? undefined : (parseRanges(sourceAddresses) ?? []),
      contains:
        timeWindow === undefined
          ? undefined
          : once(windows, JSON.stringify(timeWindow), () => timeWindowTest(timeWindow)),
    }
  }
}

/** A prepared policy with the keys by which the index finds it. */
export function indexedPolicy(ready: ReadyPolicy, findProbe: FindProbe): Indexed<ReadyPolicy> {
  return { item: ready, choices: ready.policy.conditions.flatMap((condition) => accessKeys(condition, findProbe)) }
}
