import type { Generated } from 'kysely'
import type { StorageTables } from '../storage/index.ts'

/** A resource document (TrustPolicy, Service, ...) in its newest state. `body` is the JSON of metadata, spec and tests, members in the order of the file. */
export interface DocumentsTable {
  id: string
  kind: string
  name: string
  /** Position in the revision log of the change that made this state; also the ETag. */
  revision: number
  body: string
  enabled: number
  created_at: number
  updated_at: number
  deleted_at: number | null
}

/** Every state that a document has had: decisions are explained against the revision that made them. */
export interface DocumentRevisionsTable {
  document_id: string
  revision: number
  kind: string
  name: string
  body: string
  enabled: number
  deleted: number
}

/** What no token may outlive: one row per revoked thing. `revision` is the row's position in the revision log. */
export interface RevocationsTable {
  revision: number
  /** jti, subject, workload, policy, provider, service, signing_key, issued_before */
  kind: string
  value: string
  at: number
  /** Tokens with `cs.rev` up to and including this revision are refused; null for final kinds (jti, signing_key). */
  up_to_revision: number | null
  reason: string
  actor: string
  /** When every token that the row can concern has expired: the row may be purged after it. */
  expires_at: number
  /** Kind issued_before: tokens whose `iat` is before this instant are refused; null for the other kinds. */
  issued_before: number | null
}

/** Private keys are sealed; `public_jwk` is the JSON text of the public half. */
export interface SigningKeysTable {
  kid: string
  /** access_token, checkpoint or receipt: one key, one purpose (G-05). */
  purpose: string
  alg: string
  state: string
  public_jwk: string
  sealed_private: Uint8Array | null
  created_at: number
  published_at: number | null
  active_at: number | null
  retired_at: number | null
  removed_at: number | null
  destroyed_at: number | null
  /** When it was revoked: it is out of the key set and its tokens are refused from then on. Null unless that happened. */
  revoked_at: number | null
  /** When a published key is to sign whatever the schedule says, because a command asked for the rotation. */
  activate_at: number | null
}

/** A running server process. Its heartbeat bounds how long it may go on signing. */
export interface InstancesTable {
  boot_id: string
  started_at: number
  heartbeat_at: number
  settled_at: number | null
}

/** One accepted use of one proof. The primary key is the replay defence. */
export interface ProofClaimsTable {
  proof_key: Uint8Array
  slot: number
  proof_expires_at: number
}

/** One access token, recorded before it is signed. */
export interface IssuancesTable {
  jti: string
  event_id: string
  boot_id: string
  batch: number
  kid: string
  workload_id: string
  subject: string
  provider_id: string
  policy_id: string
  service_id: string
  scope: string
  /** The revision that the decision was made on (`cs.rev`). */
  revision: number
  issued_at: number
  expires_at: number
}

/** Batch `batch` of instance `boot_id` has been signed: its issuances and signatures reconcile. */
export interface SigningConfirmationsTable {
  boot_id: string
  batch: number
}

/** Issuances whose instance ended before it confirmed their signature; their jti is revoked as well. */
export interface UnsignedIssuancesTable {
  jti: string
  settled_at: number
}

/** The append-only audit events; `body` holds the canonical JSON bytes that the Merkle tree covers. */
export interface EventsTable {
  id: string
  at: number
  kind: string
  outcome: string
  actor: string
  workload_id: string | null
  body: Uint8Array
}

/** The sealer's input: events that are committed and not yet numbered. */
export interface PendingEventsTable {
  seq: Generated<number>
  event_id: string
}

/** The claims behind a decision, with the salt of the hash that the event keeps. Prunable. */
export interface DecisionClaimsTable {
  event_id: string
  at: number
  salt: Uint8Array
  /** The signed payload of the proof, as it came. */
  claims: Uint8Array
}

/** The latest early refusals, kept so that they can be explained. Prunable, bounded in number. */
export interface EarlyRefusalsTable {
  id: string
  at: number
  code: string
  detail: string
}

/** A numbered event: its position in the Merkle tree and its leaf hash (RFC 6962 section 2.1). */
export interface LogLeavesTable {
  leaf_index: number
  event_id: string
  leaf_hash: Uint8Array
}

/** Hashes of one tile of the Merkle tree (C2SP tlog-tiles, height 8): up to 256 hashes of 32 bytes. */
export interface LogTilesTable {
  level: number
  tile_index: number
  hashes: Uint8Array
}

/** Signed checkpoints (C2SP tlog-checkpoint), one per seal. */
export interface LogCheckpointsTable {
  size: number
  root: Uint8Array
  at: number
  epoch: number
  note: string
}

/** Workloads as they first appear in an exchange. */
export interface WorkloadsTable {
  id: string
  subject: string
  provider_id: string
  first_seen_at: number
  last_seen_at: number
  environments: string
}

/**
 * One row per name: facts of this installation that are made once (`installation_id`, `log_origin`, `seal_check`), and how far
 * revocations have been deleted (`revocations_dropped_up_to`).
 */
export interface SettingsTable {
  name: string
  value: string
}

/** Answers to requests with an Idempotency-Key, so that a repeated request is answered and not done again. */
export interface IdempotencyTable {
  actor: string
  key: string
  request_hash: Uint8Array
  at: number
  status: number
  body: string
}

/**
 * How long a verifier may answer from what it has applied. Instants are the database's, so that clocks of replicas do not matter;
 * a revocation reads the live rows under the revision lock.
 */
export interface VerifierLeasesTable {
  /** `WORKLOAD_ID/INSTANCE`. */
  follower_id: string
  workload_id: string
  instance: string
  service_id: string
  /** The revision that it had applied when the lease was granted: the head of that moment. */
  applied: number
  /** When `applied` last changed. */
  applied_at: number
  granted_at: number
  lease_until: number
  /** `deny` or `last-known-good`: what the verifier was told to do without a lease. */
  on_unavailable: string
  /** When the verifier itself ended the lease; null otherwise. */
  ended_at: number | null
}

/** What a revocation was answered with. `note` and `proof` come with the state `final`. */
export interface ReceiptsTable {
  id: string
  event_id: string
  revision: number
  kind: string
  value: string
  reason: string
  actor: string
  committed_at: number
  /** pending or final */
  state: string
  /** JSON of what was computed at the commit: the bounds of the services. */
  body: string
  final_at: number | null
  final_event_id: string | null
  note: string | null
  proof: string | null
}

/** A verifier that held a lease when something was revoked. */
export interface ReceiptFollowersTable {
  receipt_id: string
  follower_id: string
  workload_id: string
  service_id: string
  lease_until: number
  confirmed_at: number | null
}

/** Every table of the product, by name. */
export interface Tables extends StorageTables {
  documents: DocumentsTable
  document_revisions: DocumentRevisionsTable
  revocations: RevocationsTable
  signing_keys: SigningKeysTable
  instances: InstancesTable
  proof_claims: ProofClaimsTable
  issuances: IssuancesTable
  signing_confirmations: SigningConfirmationsTable
  unsigned_issuances: UnsignedIssuancesTable
  events: EventsTable
  pending_events: PendingEventsTable
  decision_claims: DecisionClaimsTable
  early_refusals: EarlyRefusalsTable
  log_leaves: LogLeavesTable
  log_tiles: LogTilesTable
  log_checkpoints: LogCheckpointsTable
  workloads: WorkloadsTable
  settings: SettingsTable
  idempotency: IdempotencyTable
  verifier_leases: VerifierLeasesTable
  receipts: ReceiptsTable
  receipt_followers: ReceiptFollowersTable
}
