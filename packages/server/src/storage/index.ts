/**
 * Opens a database and keeps it current: two engines (SQLite through node:sqlite, PostgreSQL) behind one interface, schema
 * migrations, the revision log, group commit, the leader lock. No domain words here: other folders bring their tables and queries.
 */
export * from './types.ts'
