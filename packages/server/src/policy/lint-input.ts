import type { TrustProvider } from '../attestors/index.ts'
import type { Problem, ResourceDocument } from '../resources/index.ts'
import type { TrustPolicySpec } from './schema.ts'
import type { TrustPolicy } from './types.ts'

/** What a rule looks at: a policy whose names resolve, in both of its forms. */
export interface LintInput {
  readonly document: ResourceDocument<unknown>
  readonly spec: TrustPolicySpec
  readonly policy: TrustPolicy
  readonly provider: TrustProvider
  /** Other policies that are in the resulting state; those of other providers and services are ignored. */
  readonly otherPolicies: readonly TrustPolicy[]
  readonly now: Date
}

/** One concern of the lint. Each problem has a stable code, a pointer and the fix spelled out. */
export type LintRule = (input: LintInput) => readonly Problem[]

/** A fault that refuses the save. */
export function lintError(code: string, pointer: string, detail: string, fix: string): Problem {
  return { severity: 'error', code, pointer, detail, fix }
}

/** Something to think about; the save goes through. */
export function lintWarning(code: string, pointer: string, detail: string, fix: string): Problem {
  return { severity: 'warning', code, pointer, detail, fix }
}

/** Whether the policy grants a scope that changes something. */
export function grantsWrite({ grant }: TrustPolicy): boolean {
  return grant.scopes.some((scope) => !grant.service.readScopes.includes(scope))
}
