import type { Transaction } from 'kysely'
import type { Problem, Resource, ResourceDocument } from '../resources/index.ts'
import type { Tables } from '../schema/index.ts'

/** Who administers: the operating system's user on the local socket, or a workload with a token of ours for the management audience. */
export interface Actor {
  /** `local-socket` or the workload's id. */
  readonly id: string
  readonly kind: 'local-socket' | 'workload'
  /** Expanded management scopes; the socket holds all. */
  readonly scopes: ReadonlySet<string>
  readonly policyId?: string
  /** When the credential ends by itself; undefined: there is none. */
  readonly expiresAt?: Date
  /** Whether the credential still holds, for what goes on longer than a request: it has neither expired nor been revoked. */
  isCurrent?(): boolean
}

/** What would happen to one resource. */
export interface PlannedChange {
  readonly action: 'create' | 'update' | 'delete' | 'none'
  readonly kind: string
  readonly name: string
  readonly id: string | undefined
  /** One entry per differing member: RFC 6901 pointer and canonical JSON of both sides (undefined: absent). */
  readonly differences: readonly { readonly pointer: string; readonly before?: string; readonly after?: string }[]
  /** How the set of admitted proofs or obtainable grants moves; anything not provably narrower or equal is `widens`. */
  readonly effect: 'none' | 'narrows' | 'widens' | 'widens_and_narrows'
  /** Sentences, one per reason: what is newly admitted or newly refused. */
  readonly reasons: readonly string[]
  readonly problems: readonly Problem[]
}

/** The result of planning a set of documents against the stored state. */
export interface Plan {
  readonly changes: readonly PlannedChange[]
  /** Faults of the set as a whole and of single documents; any of severity error refuses the apply. */
  readonly problems: readonly (Problem & { readonly document: string })[]
  readonly widens: boolean
  /** Names exactly this plan: hash of the changes and of the revision it was made on. Needed to apply a widening. */
  readonly hash: string
  readonly baseRevision: number
}

/** Input of a plan or an apply. `documents` are parsed YAML or JSON values, untrusted. */
export interface ApplyInput {
  readonly actor: Actor
  readonly documents: readonly unknown[]
  readonly allowWidening?: string
  /** Documents applied before under this set name and missing now are deleted. */
  readonly prune?: { readonly set: string }
  readonly dryRun?: boolean
}

/** The result of an apply: the plan that was carried out and the revision after it. */
export interface ApplyResult {
  readonly plan: Plan
  readonly revision: number
  readonly applied: boolean
}

/** Changes resources: all of a set or nothing, each change audited, each narrowing written to the revision log as a revocation. */
export interface Administration {
  plan(input: ApplyInput): Promise<Plan>
  /** @throws ServiceError validation_failed, policy_tests_failed, widening_refused, escalation_refused, conflict */
  apply(input: ApplyInput): Promise<ApplyResult>
  /** One resource; `ifMatch` is the revision that the caller read. @throws also precondition_failed, not_found */
  create(input: { actor: Actor; document: unknown; allowWidening?: string }): Promise<Resource>
  replace(input: {
    actor: Actor
    plural: string
    id: string
    document: unknown
    ifMatch?: number
    allowWidening?: string
  }): Promise<Resource>
  /** RFC 7396 merge patch: members that it does not name stay as they are (T35). */
  patch(input: {
    actor: Actor
    plural: string
    id: string
    patch: unknown
    ifMatch?: number
    allowWidening?: string
  }): Promise<Resource>
  remove(input: { actor: Actor; plural: string; id: string; ifMatch?: number }): Promise<void>
  /** Undoes a removal within 7 days. What was revoked by the removal stays revoked. */
  restore(input: { actor: Actor; plural: string; id: string }): Promise<Resource>
  /** `within` is called in the transaction of the change, and not at all when nothing changes. */
  setEnabled(input: {
    actor: Actor
    plural: string
    id: string
    enabled: boolean
    ifMatch?: number
    within?: (tx: Transaction<Tables>) => Promise<void>
  }): Promise<Resource>
  get(plural: string, idOrName: string): Promise<Resource>
  list(input: {
    plural: string
    after?: string
    limit: number
    filter?: Readonly<Record<string, string>>
  }): Promise<{ items: readonly Resource[]; next: string | null }>
  /** Every document of every kind as `apply` takes them, sorted by kind and name. */
  export(): Promise<readonly ResourceDocument[]>
  /** Faults and warnings of documents without the stored state being changed. */
  lint(documents: readonly unknown[]): Promise<Plan['problems']>
}
