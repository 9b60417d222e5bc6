import type { Transaction } from 'kysely'
import { ServiceError } from '../errors.ts'
import type { Tables } from '../schema/index.ts'
import { openCheckpoint, signCheckpoint } from './checkpoint.ts'
import { hashLeaf, isSameHash } from './merkle.ts'
import { type CheckpointSigner, parseVerifierKey, toVerifierKey } from './note.ts'
import {
  findNewestCheckpoint,
  findTile,
  hasPending,
  keepVerifierKey,
  listLeaves,
  listVerifierKeys,
  lockSealing,
} from './store.ts'
import { appendLeaves, edgeTiles, rootOfEdge, TILE_WIDTH, type TreeEdge } from './tiles.ts'

/** What one seal needs beside its transaction. */
export interface SealInput {
  readonly signer: CheckpointSigner
  readonly origin: string
  readonly epoch: number
  readonly at: Date
  /** At most this many events are numbered in one transaction. */
  readonly limit: number
}

/** The stored tree, found to agree with its newest checkpoint. */
export interface VerifiedTree {
  readonly size: number
  readonly edge: TreeEdge
}

/**
 * Numbers the events that are committed and pending, in the order of their `seq`, and signs a checkpoint over them: leaves,
 * tiles, checkpoint and the emptied input are one transaction, which the caller fences by the leader's epoch.
 * @returns how many events were sealed; 0 writes nothing.
 * @throws ServiceError audit_invalid when the stored tree does not agree with its newest checkpoint or a pending event is gone:
 * nothing is sealed over it and nothing is repaired.
 */
export async function sealPending(tx: Transaction<Tables>, input: SealInput): Promise<number> {
  if (!(await hasPending(tx))) return 0
  await lockSealing(tx, input.epoch)
  const pending = await tx
    .selectFrom('pending_events')
    .leftJoin('events', 'events.id', 'pending_events.event_id')
    .select(['seq', 'event_id', 'body'])
    .orderBy('seq')
    .limit(input.limit)
    .execute()
  if (pending.length === 0) return 0
  const tree = await loadTree(tx)
  const leaves = pending.map((row, offset) => {
    // a gap must never be sealed over.
    if (row.body === null) throw refusal(`event ${row.event_id} is pending but not stored`)
    return { leaf_index: tree.size + offset, event_id: row.event_id, leaf_hash: hashLeaf(row.body) }
  })
  const grown = appendLeaves(
    tree.size,
    tree.edge,
    leaves.map((leaf) => leaf.leaf_hash),
  )
  const head = { origin: input.origin, size: BigInt(grown.size), root: grown.root }
  const note = signCheckpoint(head, [input.signer])
  await tx.insertInto('log_leaves').values(leaves).execute()
  const tiles = grown.changed.map((tile) => ({ level: tile.level, tile_index: tile.index, hashes: tile.hashes }))
  await tx
    .insertInto('log_tiles')
    .values(tiles)
    .onConflict((conflict) =>
      conflict.columns(['level', 'tile_index']).doUpdateSet((row) => ({ hashes: row.ref('excluded.hashes') })),
    )
    .execute()
  await keepVerifierKey(tx, toVerifierKey(input.signer.name, input.signer.publicKey))
  const at = input.at.getTime()
  await tx
    .insertInto('log_checkpoints')
    .values({ size: grown.size, root: grown.root, at, epoch: input.epoch, note })
    .execute()
  // By seq, never by `seq <=`: a transaction that began earlier may commit a smaller seq after this read.
  const seqs = pending.map((row) => row.seq)
  await tx.deleteFrom('pending_events').where('seq', 'in', seqs).execute()
  return leaves.length
}

/**
 * Verifies the stored tree before a leader seals for the first time: the newest checkpoint carries a signature of a known key for
 * this origin and states what its row states, and the leaves of the last tile are those of the tree.
 * @throws ServiceError audit_invalid
 */
export async function verifyStoredTree(
  tx: Transaction<Tables>,
  input: Pick<SealInput, 'signer' | 'origin' | 'epoch'>,
): Promise<void> {
  await lockSealing(tx, input.epoch)
  const tree = await loadTree(tx)
  const newest = await findNewestCheckpoint(tx)
  if (newest === undefined) return
  const known = (await listVerifierKeys(tx)).flatMap((text) => parseVerifierKey(text) ?? [])
  const opened = openCheckpoint(newest.note, [toVerifierKey(input.signer.name, input.signer.publicKey), ...known])
  if (!opened.ok) throw refusal(`the newest checkpoint does not verify: ${opened.detail}`)
  if (opened.head.origin !== input.origin) throw refusal(`the newest checkpoint is of the log ${opened.head.origin}`)
  if (opened.head.size !== BigInt(newest.size) || !isSameHash(opened.head.root, newest.root)) {
    throw refusal('the newest checkpoint was signed for another tree than its row states')
  }
  // An edge tile of level 0 exists unless the size is a multiple of the width; then the last full tile stands for it.
  const from = Math.floor((tree.size - 1) / TILE_WIDTH) * TILE_WIDTH
  const tile = await findTile(tx, { level: 0, index: from / TILE_WIDTH })
  const leaves = await listLeaves(tx, { from, until: tree.size, limit: TILE_WIDTH })
  for (const [offset, leaf] of leaves.entries()) {
    const hash = tile?.subarray(offset * leaf.leafHash.length, (offset + 1) * leaf.leafHash.length)
    if (leaf.index !== from + offset || hash === undefined || !isSameHash(hash, leaf.leafHash)) {
      throw refusal(`leaf ${from + offset} is not the one in the tree`)
    }
  }
  if (leaves.length !== tree.size - from) throw refusal(`leaves from ${from + leaves.length} on are missing`)
}

/** Reads the edge of the tree and holds it against the newest checkpoint and the number of leaves, at every seal. */
async function loadTree(tx: Transaction<Tables>): Promise<VerifiedTree> {
  const newest = await findNewestCheckpoint(tx)
  const size = newest?.size ?? 0
  const last = await tx
    .selectFrom('log_leaves')
    .select('leaf_index')
    .orderBy('leaf_index', 'desc')
    .limit(1)
    .executeTakeFirst()
  const leafCount = last === undefined ? 0 : last.leaf_index + 1
  if (leafCount !== size) throw refusal(`there are ${leafCount} leaves, the newest checkpoint covers ${size}`)
  const edge = new Map<number, Uint8Array>()
  for (const position of edgeTiles(size)) {
    const hashes = await findTile(tx, position)
    if (hashes !== undefined) edge.set(position.level, hashes)
  }
  let root: Uint8Array
  try {
    root = rootOfEdge(size, edge)
  } catch (error) {
    if (error instanceof RangeError) throw refusal(error.message)
    throw error
  }
  if (newest !== undefined && !isSameHash(root, newest.root)) {
    throw refusal(`the tiles have another root than the newest checkpoint, of ${size} entries`)
  }
  return { size, edge }
}

function refusal(internal: string): ServiceError {
  return new ServiceError('audit_invalid', { detail: 'nothing more is sealed', internal })
}
