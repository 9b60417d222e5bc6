import type { Migration } from '../../storage/index.ts'

/** Documents, exchange, audit and signing keys. */
export const mainJob: Migration = {
  version: 1,
  name: 'main-job',
  statements: ({ bytes, integer }) => [
    `CREATE TABLE documents (
      id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, revision ${integer} NOT NULL, body TEXT NOT NULL,
      enabled ${integer} NOT NULL, created_at ${integer} NOT NULL, updated_at ${integer} NOT NULL, deleted_at ${integer})`,
    'CREATE UNIQUE INDEX documents_by_name ON documents (kind, name) WHERE deleted_at IS NULL',
    `CREATE TABLE document_revisions (
      document_id TEXT NOT NULL, revision ${integer} NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
      enabled ${integer} NOT NULL, deleted ${integer} NOT NULL, PRIMARY KEY (document_id, revision))`,
    'CREATE INDEX document_revisions_by_revision ON document_revisions (revision)',
    `CREATE TABLE revocations (
      revision ${integer} NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, at ${integer} NOT NULL, up_to_revision ${integer},
      reason TEXT NOT NULL, actor TEXT NOT NULL, expires_at ${integer} NOT NULL, PRIMARY KEY (revision, kind, value))`,
    'CREATE INDEX revocations_by_value ON revocations (kind, value)',
    `CREATE TABLE signing_keys (
      kid TEXT PRIMARY KEY, purpose TEXT NOT NULL, alg TEXT NOT NULL, state TEXT NOT NULL, public_jwk TEXT NOT NULL,
      sealed_private ${bytes}, created_at ${integer} NOT NULL, published_at ${integer}, active_at ${integer},
      retired_at ${integer}, removed_at ${integer}, destroyed_at ${integer})`,
    "CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (purpose, alg) WHERE state = 'active'",
    `CREATE TABLE instances (
      boot_id TEXT PRIMARY KEY, started_at ${integer} NOT NULL, heartbeat_at ${integer} NOT NULL, settled_at ${integer})`,
    `CREATE TABLE issuances (
      jti TEXT PRIMARY KEY, event_id TEXT NOT NULL, boot_id TEXT NOT NULL, batch ${integer} NOT NULL, kid TEXT NOT NULL,
      workload_id TEXT NOT NULL, subject TEXT NOT NULL, provider_id TEXT NOT NULL, policy_id TEXT NOT NULL,
      service_id TEXT NOT NULL, scope TEXT NOT NULL, revision ${integer} NOT NULL, issued_at ${integer} NOT NULL,
      expires_at ${integer} NOT NULL)`,
    'CREATE INDEX issuances_by_batch ON issuances (boot_id, batch)',
    `CREATE TABLE signing_confirmations (boot_id TEXT NOT NULL, batch ${integer} NOT NULL, PRIMARY KEY (boot_id, batch))`,
    `CREATE TABLE unsigned_issuances (jti TEXT PRIMARY KEY, settled_at ${integer} NOT NULL)`,
    `CREATE TABLE events (
      id TEXT PRIMARY KEY, at ${integer} NOT NULL, kind TEXT NOT NULL, outcome TEXT NOT NULL, actor TEXT NOT NULL,
      workload_id TEXT, body ${bytes} NOT NULL)`,
    `CREATE TABLE decision_claims (
      event_id TEXT PRIMARY KEY, at ${integer} NOT NULL, salt ${bytes} NOT NULL, claims ${bytes} NOT NULL)`,
    'CREATE INDEX decision_claims_by_at ON decision_claims (at)',
    `CREATE TABLE early_refusals (id TEXT PRIMARY KEY, at ${integer} NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL)`,
    `CREATE TABLE log_leaves (
      leaf_index ${integer} PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, leaf_hash ${bytes} NOT NULL)`,
    `CREATE TABLE log_tiles (
      level ${integer} NOT NULL, tile_index ${integer} NOT NULL, hashes ${bytes} NOT NULL, PRIMARY KEY (level, tile_index))`,
    `CREATE TABLE log_checkpoints (
      size ${integer} PRIMARY KEY, root ${bytes} NOT NULL, at ${integer} NOT NULL, epoch ${integer} NOT NULL, note TEXT NOT NULL)`,
    `CREATE TABLE workloads (
      id TEXT PRIMARY KEY, subject TEXT NOT NULL, provider_id TEXT NOT NULL, first_seen_at ${integer} NOT NULL,
      last_seen_at ${integer} NOT NULL, environments TEXT NOT NULL)`,
    'CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)',
    `CREATE TABLE idempotency (
      actor TEXT NOT NULL, key TEXT NOT NULL, request_hash ${bytes} NOT NULL, at ${integer} NOT NULL,
      status ${integer} NOT NULL, body TEXT NOT NULL, PRIMARY KEY (actor, key))`,
  ],
  embedded: [
    `CREATE TABLE proof_claims (
      proof_key BLOB NOT NULL, slot INTEGER NOT NULL, proof_expires_at INTEGER NOT NULL,
      PRIMARY KEY (proof_key, slot, proof_expires_at)) WITHOUT ROWID`,
    'CREATE INDEX proof_claims_by_expiry ON proof_claims (proof_expires_at)',
    'CREATE TABLE pending_events (seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL)',
  ],
  postgres: [
    // Partitioned by the proof's own signed expiry: the key that decides a replay is in every partition's primary key, so
    // no boundary accepts a proof twice, and retention is a dropped partition.
    `CREATE TABLE proof_claims (
      proof_key BYTEA NOT NULL, slot BIGINT NOT NULL, proof_expires_at BIGINT NOT NULL,
      PRIMARY KEY (proof_key, slot, proof_expires_at)) PARTITION BY RANGE (proof_expires_at)`,
    'CREATE TABLE pending_events (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id TEXT NOT NULL)',
  ],
  appendOnly: ['events', 'log_leaves', 'log_checkpoints', 'issuances', 'signing_confirmations', 'document_revisions'],
  partitioned: [{ table: 'proof_claims', column: 'proof_expires_at', spanMs: 3_600_000 }],
}
