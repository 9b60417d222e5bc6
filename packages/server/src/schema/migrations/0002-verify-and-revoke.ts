import type { Migration } from '../../storage/index.ts'

/** Leases of verifiers, receipts of revocations, revocation of everything before an instant. Only adds. */
export const verifyAndRevoke: Migration = {
  version: 2,
  name: 'verify-and-revoke',
  statements: ({ integer }) => [
    `CREATE TABLE verifier_leases (
      follower_id TEXT PRIMARY KEY, workload_id TEXT NOT NULL, instance TEXT NOT NULL, service_id TEXT NOT NULL,
      applied ${integer} NOT NULL, applied_at ${integer} NOT NULL, granted_at ${integer} NOT NULL,
      lease_until ${integer} NOT NULL, on_unavailable TEXT NOT NULL, ended_at ${integer})`,
    'CREATE INDEX verifier_leases_by_end ON verifier_leases (lease_until)',
    `CREATE TABLE receipts (
      id TEXT PRIMARY KEY, event_id TEXT NOT NULL, revision ${integer} NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,
      reason TEXT NOT NULL, actor TEXT NOT NULL, committed_at ${integer} NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL,
      final_at ${integer}, final_event_id TEXT, note TEXT, proof TEXT)`,
    'CREATE INDEX receipts_by_state ON receipts (state)',
    `CREATE TABLE receipt_followers (
      receipt_id TEXT NOT NULL, follower_id TEXT NOT NULL, workload_id TEXT NOT NULL, service_id TEXT NOT NULL,
      lease_until ${integer} NOT NULL, confirmed_at ${integer}, PRIMARY KEY (receipt_id, follower_id))`,
    `ALTER TABLE signing_keys ADD COLUMN revoked_at ${integer}`,
    `ALTER TABLE signing_keys ADD COLUMN activate_at ${integer}`,
    `ALTER TABLE revocations ADD COLUMN issued_before ${integer}`,
  ],
}
