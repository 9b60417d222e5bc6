import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Client } from 'pg'
import {
  formatCheckpointLine,
  formatEntryLine,
  formatHeaderLine,
} from '../../packages/server/src/audit/export-format.ts'
import {
  type AuditEvent,
  type CheckpointSigner,
  type EventLog,
  encodeEvent,
  formatTreeHead,
  formatVerifierKey,
  hashLeaf,
  signNote,
  toVerifierKey,
} from '../../packages/server/src/audit/index.ts'
import { createGrowingTree } from '../../packages/server/src/audit/merkle.ts'
import type { Tables } from '../../packages/server/src/schema/index.ts'
import type { Database, DatabaseTarget, Leader } from '../../packages/server/src/storage/index.ts'

/** A checkpoint signer with a key made now, and its verifier key string. */
export interface TestSigner extends CheckpointSigner {
  readonly verifierKey: string
}

/** Makes an Ed25519 key pair for a test. */
export function createTestSigner(name = 'log.example/audit'): TestSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const raw = rawPublicKey(publicKey)
  return {
    name,
    publicKey: raw,
    verifierKey: formatVerifierKey(toVerifierKey(name, raw)),
    sign: (message) => sign(null, message, privateKey),
  }
}

function rawPublicKey(publicKey: KeyObject): Uint8Array {
  return Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
}

/** Event number `index`, each different from every other. */
export function sampleEvent(index: number, change: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id: `evt_${String(index).padStart(26, '0')}`,
    at: new Date(Date.UTC(2027, 0, 1) + index),
    kind: 'exchange.decided',
    outcome: index % 2 === 0 ? 'allowed' : 'denied',
    actor: `workload:wl_${index}`,
    workloadId: `wl_${index}`,
    data: { policy: 'pol_1', revision: index },
    ...change,
  }
}

/** An export made without a database: `count` entries, and a checkpoint at each of the sizes. */
export function writeSampleExport(
  count: number,
  sizes: readonly number[],
  {
    signer = createTestSigner(),
    origin = 'log.example/audit',
    event = sampleEvent,
  }: { signer?: TestSigner; origin?: string; event?: (index: number) => AuditEvent } = {},
): string[] {
  const tree = createGrowingTree()
  const size = sizes.at(-1) ?? 0
  const lines = [formatHeaderLine({ origin, from: 0, size, verifierKeys: [signer.verifierKey] })]
  for (let index = 0; index < count; index += 1) {
    const body = encodeEvent(event(index))
    const leafHash = hashLeaf(body)
    tree.append(leafHash)
    lines.push(formatEntryLine({ index, entry: Buffer.from(body).toString('utf8'), leafHash }))
    if (sizes.includes(tree.size)) {
      const text = formatTreeHead({ origin, size: BigInt(tree.size), root: tree.root() })
      lines.push(formatCheckpointLine(signNote(text, [signer])))
    }
  }
  return lines
}

/** Array items as an async sequence. */
export async function* toLines(lines: Iterable<string>): AsyncGenerator<string> {
  yield* lines
}

/** Appends events number `from` up to `from + count - 1` in one transaction. */
export async function appendSamples(
  database: Database<Tables>,
  log: EventLog,
  from: number,
  count: number,
): Promise<void> {
  await database.transaction(async (tx) => {
    for (let index = from; index < from + count; index += 1) await log.append(tx, sampleEvent(index))
  })
}

/** A leader that nothing fences, as after a lost lock that was not noticed; `end` aborts its signal. */
export function createUnfencedLeader(database: Database<Tables>, epoch = 1): Leader<Tables> & { end(): void } {
  const controller = new AbortController()
  return {
    epoch,
    signal: controller.signal,
    transaction: (work) => database.transaction(work),
    end: () => controller.abort(),
  }
}

/**
 * Runs SQL behind the back of the product, as the database's superuser: append-only triggers of the table are removed first.
 * Parameters are written `?`.
 */
export async function tamper(
  target: DatabaseTarget,
  table: string,
  statements: readonly (readonly [sql: string, ...parameters: (string | number | Uint8Array)[]])[],
): Promise<void> {
  if ('embedded' in target) {
    const database = new DatabaseSync(join(target.embedded.directory, 'countersign.db'))
    try {
      database.exec('PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = OFF')
      const triggers = database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?")
        .all(table)
      for (const { name } of triggers) database.exec(`DROP TRIGGER "${name}"`)
      for (const [sql, ...parameters] of statements) database.prepare(sql).run(...parameters)
    } finally {
      database.close()
    }
    return
  }
  const client = new Client({ connectionString: target.postgres.migrateUrl ?? target.postgres.url })
  await client.connect()
  try {
    await client.query(`ALTER TABLE ${table} DISABLE TRIGGER USER`)
    for (const [sql, ...parameters] of statements) {
      let position = 0
      const numbered = sql.replaceAll('?', () => `$${++position}`)
      await client.query(
        numbered,
        parameters.map((value) => (typeof value === 'object' ? Buffer.from(value) : value)),
      )
    }
  } finally {
    await client.end()
  }
}
