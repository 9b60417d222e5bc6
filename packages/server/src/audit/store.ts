import { Buffer } from 'node:buffer'
import type { Kysely, Transaction } from 'kysely'
import { ServiceError } from '../errors.ts'
import type { Tables } from '../schema/index.ts'
import { decodeEvent, encodeEvent } from './encode.ts'
import { formatVerifierKey, type VerifierKey } from './note.ts'
import type { AuditEvent, RecordedEvent } from './types.ts'

/** The newest checkpoint as it is stored. */
export interface StoredCheckpoint {
  readonly size: number
  readonly root: Uint8Array
  readonly at: Date
  readonly note: string
}

/** A leaf with the bytes of its event; `body` is null when the event is gone. */
export interface StoredLeaf {
  readonly index: number
  readonly leafHash: Uint8Array
  readonly body: Uint8Array | null
}

const KEY_SETTING = 'log_verifier_key:'

/** Writes an event and its place in the sealer's input inside the caller's transaction. */
export async function insertEvent(tx: Transaction<Tables>, event: AuditEvent): Promise<void> {
  const body = encodeEvent(event)
  await tx
    .insertInto('events')
    .values({
      id: event.id,
      at: event.at.getTime(),
      kind: event.kind,
      outcome: event.outcome,
      actor: event.actor,
      workload_id: event.workloadId ?? null,
      body,
    })
    .execute()
  await tx.insertInto('pending_events').values({ event_id: event.id }).execute()
}

function recordedEvents(db: Kysely<Tables>) {
  return db
    .selectFrom('events')
    .leftJoin('log_leaves', 'log_leaves.event_id', 'events.id')
    .select(['id', 'at', 'kind', 'outcome', 'actor', 'workload_id', 'body', 'leaf_index'])
}

/** One event by its id. @throws ServiceError audit_invalid when the row and the bytes that were sealed differ. */
export async function findEvent(db: Kysely<Tables>, id: string): Promise<RecordedEvent | undefined> {
  const row = await recordedEvents(db).where('id', '=', id).executeTakeFirst()
  return row && toRecordedEvent(row)
}

/** The id of the event that is `count` events older than `after` (undefined: than the newest), if there are so many. */
export async function findEventBelow(
  db: Kysely<Tables>,
  { after, count }: { readonly after: string | undefined; readonly count: number },
): Promise<string | undefined> {
  let query = db
    .selectFrom('events')
    .select('id')
    .orderBy('id', 'desc')
    .limit(1)
    .offset(count - 1)
  if (after !== undefined) query = query.where('id', '<', after)
  return (await query.executeTakeFirst())?.id
}

/** Events older than `after` and not older than `from` (ids), newest first. @throws ServiceError audit_invalid as {@link findEvent}. */
export async function listEvents(
  db: Kysely<Tables>,
  filter: { after?: string; from?: string; limit: number; kind?: string; outcome?: string; workloadId?: string },
): Promise<readonly RecordedEvent[]> {
  let query = recordedEvents(db).orderBy('id', 'desc').limit(filter.limit)
  if (filter.from !== undefined) query = query.where('id', '>=', filter.from)
  if (filter.after !== undefined) query = query.where('id', '<', filter.after)
  if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind)
  if (filter.outcome !== undefined) query = query.where('outcome', '=', filter.outcome)
  if (filter.workloadId !== undefined) query = query.where('workload_id', '=', filter.workloadId)
  return (await query.execute()).map(toRecordedEvent)
}

/** The checkpoint of the largest size. */
export async function findNewestCheckpoint(db: Kysely<Tables>): Promise<StoredCheckpoint | undefined> {
  const row = await db
    .selectFrom('log_checkpoints')
    .select(['size', 'root', 'at', 'note'])
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && { size: row.size, root: row.root, at: new Date(row.at), note: row.note }
}

/** Notes of checkpoints above `after` up to `upTo` entries, smallest first. */
export async function listCheckpoints(
  db: Kysely<Tables>,
  page: { after: number; upTo: number; limit: number },
): Promise<readonly { size: number; note: string }[]> {
  return await db
    .selectFrom('log_checkpoints')
    .select(['size', 'note'])
    .where('size', '>', page.after)
    .where('size', '<=', page.upTo)
    .orderBy('size')
    .limit(page.limit)
    .execute()
}

/** Leaves from index `from` to below `until`, in order, each with its event's bytes if they are still there. */
export async function listLeaves(
  db: Kysely<Tables>,
  page: { from: number; until: number; limit: number },
): Promise<readonly StoredLeaf[]> {
  const rows = await db
    .selectFrom('log_leaves')
    .leftJoin('events', 'events.id', 'log_leaves.event_id')
    .select(['leaf_index', 'leaf_hash', 'body'])
    .where('leaf_index', '>=', page.from)
    .where('leaf_index', '<', page.until)
    .orderBy('leaf_index')
    .limit(page.limit)
    .execute()
  return rows.map((row) => ({ index: row.leaf_index, leafHash: row.leaf_hash, body: row.body }))
}

/** One tile of the tree. */
export async function findTile(
  db: Kysely<Tables>,
  position: { level: number; index: number },
): Promise<Uint8Array | undefined> {
  const row = await db
    .selectFrom('log_tiles')
    .select('hashes')
    .where('level', '=', position.level)
    .where('tile_index', '=', position.index)
    .executeTakeFirst()
  return row?.hashes
}

/** Where an event stands in the tree; undefined until it is sealed. */
export async function findLeaf(
  db: Kysely<Tables>,
  eventId: string,
): Promise<{ index: number; leafHash: Uint8Array } | undefined> {
  const row = await db
    .selectFrom('log_leaves')
    .select(['leaf_index', 'leaf_hash'])
    .where('event_id', '=', eventId)
    .executeTakeFirst()
  return row && { index: row.leaf_index, leafHash: row.leaf_hash }
}

/** The checkpoint of exactly this size. */
export async function findCheckpoint(db: Kysely<Tables>, size: number): Promise<StoredCheckpoint | undefined> {
  const row = await db
    .selectFrom('log_checkpoints')
    .select(['size', 'root', 'at', 'note'])
    .where('size', '=', size)
    .executeTakeFirst()
  return row && { size: row.size, root: row.root, at: new Date(row.at), note: row.note }
}

/** How many events wait for their number, and the time of the oldest. */
export async function findLag(db: Kysely<Tables>): Promise<{ pending: number; oldestAt: Date | undefined }> {
  const row = await db
    .selectFrom('pending_events')
    .leftJoin('events', 'events.id', 'pending_events.event_id')
    .select(({ fn }) => [fn.countAll<number | string>().as('pending'), fn.min('events.at').as('oldest')])
    .executeTakeFirstOrThrow()
  const oldest = row.oldest as number | string | null
  return { pending: Number(row.pending), oldestAt: oldest === null ? undefined : new Date(Number(oldest)) }
}

/** The verifier keys that checkpoints have been signed with, in the order of their names. */
export async function listVerifierKeys(db: Kysely<Tables>): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('settings')
    .select('value')
    .where('name', 'like', `${KEY_SETTING}%`)
    .orderBy('name')
    .execute()
  return rows.map((row) => row.value)
}

/** Keeps a verifier key for exports; a key that is known already stays as it is. */
export async function keepVerifierKey(tx: Transaction<Tables>, key: VerifierKey): Promise<void> {
  const value = formatVerifierKey(key)
  await tx
    .insertInto('settings')
    .values({ name: `${KEY_SETTING}${value}`, value })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute()
}

/** Whether any event waits for its number. */
export async function hasPending(db: Kysely<Tables>): Promise<boolean> {
  return (await db.selectFrom('pending_events').select('seq').limit(1).executeTakeFirst()) !== undefined
}

/**
 * Waits until no other transaction seals, and holds them off until this one ends; what is read afterwards is one state of the
 * log. A row of `settings` is the lock: what both engines have, and a pooler cannot lose.
 */
export async function lockSealing(tx: Transaction<Tables>, epoch: number): Promise<void> {
  await tx
    .insertInto('settings')
    .values({ name: 'log_sealer_epoch', value: String(epoch) })
    .onConflict((conflict) => conflict.column('name').doUpdateSet((row) => ({ value: row.ref('excluded.value') })))
    .execute()
}

interface EventRow {
  id: string
  at: number
  kind: string
  outcome: string
  actor: string
  workload_id: string | null
  body: Uint8Array
  leaf_index: number | null
}

/** The body is the event; the columns are only an index of it. Where they differ, somebody has changed the row. */
function toRecordedEvent(row: EventRow): RecordedEvent {
  const body = Buffer.from(row.body.buffer, row.body.byteOffset, row.body.byteLength)
  let event: AuditEvent
  try {
    event = decodeEvent(body)
  } catch (cause) {
    throw new ServiceError('audit_invalid', { internal: `event ${row.id} is not one that was written`, cause })
  }
  const agrees =
    event.id === row.id &&
    event.at.getTime() === row.at &&
    event.kind === row.kind &&
    event.outcome === row.outcome &&
    event.actor === row.actor &&
    (event.workloadId ?? null) === row.workload_id
  if (!agrees) throw new ServiceError('audit_invalid', { internal: `event ${row.id} differs from its columns` })
  return { ...event, body, leafIndex: row.leaf_index ?? undefined }
}
