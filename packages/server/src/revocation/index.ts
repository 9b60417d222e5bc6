/**
 * What ends credentials that are already out. A revocation is a row under a revision of the one ordered log; every process keeps
 * the live ones in memory and applies them in order. Folders that narrow or delete something insert theirs with `insertRevocations`
 * under their own revision; single revocations go through `Revocations.append`.
 */
export type { Bounds, BoundsInput, GrantFacts, OutstandingLease } from './bounds.ts'
export { createFeed, type Feed, type FeedRequest } from './feed.ts'
export {
  type AcceptedWithoutLease,
  createLeases,
  type LeaseAnswer,
  type LeaseRequest,
  type Leases,
  type LeasesDeps,
  type VerifiedService,
} from './leases.ts'
export type { ReceiptDocument } from './receipt-document.ts'
export { createReceipts, type Receipts, type ReceiptsDeps } from './receipts.ts'
export { createRevocations, type Revocations, type RevocationsDeps } from './revocations.ts'
export {
  createRevoke,
  type PreparedRevocation,
  REVOCATION_KEPT_MS,
  type RegisteredKind,
  type Revoke,
  type RevokeDeps,
  type Revoked,
  type RevokeInput,
} from './revoke.ts'
export { deleteExpiredRevocations, insertRevocations } from './store.ts'
export {
  createRevocationStreams,
  type RevocationStream,
  type RevocationStreams,
  type RevocationStreamsDeps,
  type StreamLimits,
} from './stream.ts'
export type * from './types.ts'
