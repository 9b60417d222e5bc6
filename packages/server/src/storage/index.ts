/**
 * Opens a database and keeps it current: two engines (SQLite through node:sqlite, PostgreSQL) behind one interface, schema
 * migrations, the revision log, group commit, the leader lock. No domain words here: other folders bring their tables and queries.
 */
export type { StorageLogger } from './engine.ts'
export type { MigrationResult } from './migrations.ts'
export { type DatabaseTarget, migrateDatabase, type OpenOptions, openDatabase, type PostgresTarget } from './open.ts'
export * from './types.ts'
export { isUniqueViolation } from './unique-violation.ts'
