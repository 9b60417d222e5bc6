import type { Actor, Administration } from '../../admin/index.ts'
import type { EventLog } from '../../audit/index.ts'
import type { Explanation } from '../../federation/index.ts'
import type { JsonObject, Now } from '../../lib/index.ts'
import type { ResourceDocument } from '../../resources/index.ts'

/** A signing key as the inventory shows it: public facts only. */
export interface SigningKeyRecord {
  readonly kid: string
  readonly purpose: string
  readonly alg: string
  readonly state: string
  readonly createdAt: Date
  readonly publishedAt: Date | undefined
  readonly activeAt: Date | undefined
  readonly retiredAt: Date | undefined
  readonly removedAt: Date | undefined
  readonly destroyedAt: Date | undefined
}

/** A workload as exchanges recorded it, whether or not somebody registered it. */
export interface SeenWorkload {
  readonly id: string
  /** The `sub` of its tokens. */
  readonly subject: string
  readonly providerId: string
  readonly firstSeenAt: Date
  readonly lastSeenAt: Date
  readonly environments: readonly string[]
}

/** Reads the workloads that exchanges recorded. */
export interface WorkloadRegistry {
  get(id: string): Promise<SeenWorkload | undefined>
  /** By id; `after` is the id of the last one of the page before. */
  list(input: { after?: string; limit: number }): Promise<{ items: readonly SeenWorkload[]; next: string | null }>
}

/** A policy written from a recorded exchange, and what its author should know. */
export interface GeneratedPolicy {
  readonly document: ResourceDocument
  readonly notes: readonly string[]
}

/** What the strict verifier and the policies say of a proof that nobody exchanged. Consumes nothing, issues nothing. */
export type ProofInspection = Pick<
  Explanation,
  'outcome' | 'code' | 'headline' | 'workloadId' | 'provider' | 'steps' | 'policies' | 'fixes' | 'claims' | 'notes'
>

/** How one case of a policy's `tests` came out. */
export interface PolicyTestCase {
  readonly index: number
  readonly expected: 'allow' | 'deny'
  readonly passed: boolean
  readonly detail: string
}

/** How the server is doing. */
export interface ServerStatus {
  readonly version: string
  readonly issuer: string
  readonly engine: 'embedded' | 'postgres'
  readonly startedAt: Date
  readonly leader: boolean
  /** The newest revision applied here and the age of the last look at the database's head. */
  readonly revision: number
  readonly revisionAgeMs: number
  readonly audit: { readonly pending: number; readonly oldestAgeMs: number; readonly size: number }
  /** Stored documents that do not compile and therefore deny. */
  readonly faults: readonly { readonly id: string; readonly detail: string }[]
}

/** An answer that a repeated request gets again. Never holds a secret: operations that return one are not repeatable. */
export interface RepeatableAnswer {
  readonly status: number
  readonly body: string
}

/** Remembers answers under the caller's Idempotency-Key (W-10). */
export interface IdempotencyKeys {
  /**
   * The answer stored under (actor, key) if `request` is the same as then, else what `work` gives, stored.
   * @throws ServiceError idempotency_mismatch (another request used the key), conflict (the first one still runs)
   */
  once(
    input: { readonly actor: string; readonly key: string; readonly request: Uint8Array },
    work: () => Promise<RepeatableAnswer>,
  ): Promise<RepeatableAnswer & { readonly repeated: boolean }>
}

/** What the management API is made over. Every member is the domain's own; nothing here knows of HTTP. */
export interface ApiDependencies {
  readonly now: Now
  readonly issuer: string
  /** Origins of our own pages, beside the issuer's, that a browser may send unsafe requests from. */
  readonly ownOrigins?: readonly string[]
  /** The actor behind a token of ours for the management audience; undefined when the token is not valid (any more). */
  authenticate(token: string): Promise<Actor | undefined>
  /** Who acts on the local socket. */
  readonly localActor: Actor
  readonly administration: Administration
  readonly idempotency: IdempotencyKeys
  readonly events: Pick<EventLog, 'get' | 'list' | 'checkpoint' | 'export'>
  readonly workloads: WorkloadRegistry
  /** Why an exchange or an early refusal came out as it did; undefined when there is no such event. */
  explain(eventId: string): Promise<Explanation | undefined>
  /** @throws ServiceError not_found, validation_failed (the event is outside `require`, or its claims are gone) */
  generatePolicy(eventId: string): Promise<GeneratedPolicy>
  inspectProof(token: string): Promise<ProofInspection>
  /** Runs a policy document's own tests without saving it. @throws ServiceError validation_failed */
  testPolicy(document: unknown): Promise<readonly PolicyTestCase[]>
  listSigningKeys(): Promise<readonly SigningKeyRecord[]>
  /** JSON Schema of a kind's documents; undefined for an unknown kind. */
  schemaOf(kind: string): JsonObject | undefined
  status(): Promise<ServerStatus>
}
