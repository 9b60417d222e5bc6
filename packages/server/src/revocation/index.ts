/**
 * What ends credentials that are already out. A revocation is a row under a revision of the one ordered log; every process keeps
 * the live ones in memory and applies them in order. Folders that narrow or delete something insert theirs with `insertRevocations`
 * under their own revision; single revocations go through `Revocations.append`.
 */
export { insertReceipt } from './receipt-store.ts'
export { createRevocations, type Revocations, type RevocationsDeps } from './revocations.ts'
export { deleteExpiredRevocations, insertRevocations } from './store.ts'
export type * from './types.ts'
