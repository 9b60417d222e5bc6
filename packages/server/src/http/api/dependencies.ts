import type { Actor, Administration, Idempotency, RevokeCredentialsInput } from '../../admin/index.ts'
import type { EventLog } from '../../audit/index.ts'
import type { Explanation } from '../../federation/index.ts'
import type { WorkloadRegistry } from '../../inventory/index.ts'
import type { JsonObject, Now } from '../../lib/index.ts'
import type { SnapshotFault } from '../../policy/index.ts'
import type { ResourceDocument } from '../../resources/index.ts'
import type { Feed, Leases, Receipts, RevocationStreams, Revoked, VerifiedService } from '../../revocation/index.ts'
import type {
  KeyRevocation,
  KeyRotation,
  KeyUses,
  KeyUsesInput,
  RevokeKeyCommand,
  RotateKeyCommand,
  SealStatus,
  SigningKey,
} from '../../signing-keys/index.ts'
import type { RequestSender } from '../sender.ts'

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
  readonly faults: readonly SnapshotFault[]
}

/** How a token was presented, and what came with it about its sender. */
export interface TokenSender extends RequestSender {
  readonly scheme: 'Bearer' | 'DPoP'
  readonly method: string
}

/** What the management API is made over. Every member is the domain's own; nothing here knows of HTTP. */
export interface ApiDependencies {
  readonly now: Now
  readonly issuer: string
  /** Algorithms of DPoP proofs, for challenges. */
  readonly dpopAlgorithms?: readonly string[]
  /** Origins of our own pages, beside the issuer's, that a browser may send unsafe requests from. */
  readonly ownOrigins?: readonly string[]
  /**
   * The actor behind a token of ours for the management audience; undefined when the token is not valid (any more), or is bound to
   * somebody else than who sent it.
   * @throws ServiceError invalid_dpop_proof when the token is good and its proof is not
   */
  authenticate(token: string, sender: TokenSender): Promise<Actor | undefined>
  /** Who acts on the local socket. */
  readonly localActor: Actor
  readonly administration: Administration
  readonly idempotency: Pick<Idempotency, 'once'>
  readonly events: Pick<EventLog, 'get' | 'list' | 'checkpoint' | 'export'>
  readonly workloads: Pick<WorkloadRegistry, 'get' | 'list'>
  readonly receipts: Pick<Receipts, 'get' | 'list' | 'waitFor' | 'wake'>
  /** @throws ServiceError not_found, validation_failed, forbidden, escalation_refused, conflict */
  revokeCredentials(input: RevokeCredentialsInput): Promise<Revoked>
  readonly feed: Feed
  readonly revocationStreams: Pick<RevocationStreams, 'open'>
  readonly leases: Pick<Leases, 'grant' | 'end'>
  /** A registered service by name, never the management API: the server is its verifier. */
  findVerifiedService(name: string): VerifiedService | undefined
  /** Verifier keys (`name+id+base64`) of the log and of its receipts, active ones first in each. */
  verifierKeys(): readonly string[]
  /** Why an exchange or an early refusal came out as it did; undefined when there is no such event. */
  explain(eventId: string): Promise<Explanation | undefined>
  /** @throws ServiceError not_found, validation_failed (the event is outside `require`, or its claims are gone) */
  generatePolicy(eventId: string): Promise<GeneratedPolicy>
  inspectProof(token: string): Promise<ProofInspection>
  /** Runs a policy document's own tests without saving it. @throws ServiceError validation_failed */
  testPolicy(document: unknown): Promise<readonly PolicyTestCase[]>
  listSigningKeys(): Promise<readonly SigningKey[]>
  /** @throws ServiceError not_found, conflict, validation_failed */
  rotateSigningKey(command: RotateKeyCommand): Promise<KeyRotation>
  /**
   * Revokes a key, and its tokens in the same transaction, and waits for the receipt to become final, at most `waitMs`.
   * @throws ServiceError not_found, conflict
   */
  revokeSigningKey(
    command: RevokeKeyCommand & { readonly waitMs: number },
  ): Promise<Omit<KeyRevocation<never>, 'ended'> & { readonly receipt: JsonObject | undefined }>
  /** @throws ServiceError validation_failed for a range that is none */
  countSigningKeyUses(input: KeyUsesInput): Promise<KeyUses>
  sealStatus(): Promise<SealStatus>
  /** JSON Schema of a kind's documents; undefined for an unknown kind. */
  schemaOf(kind: string): JsonObject | undefined
  status(): Promise<ServerStatus>
}
