import { Buffer } from 'node:buffer'
import type { Kysely } from 'kysely'
import type { Tables } from '../schema/index.ts'
import { parseTreeHead } from './checkpoint.ts'
import { formatCheckpointLine, formatEntryLine, formatHeaderLine } from './export-format.ts'
import { findNewestCheckpoint, listCheckpoints, listLeaves, listVerifierKeys } from './store.ts'

const PAGE = 500

/**
 * The lines of an export, each with its newline: header, entries, and each checkpoint right after the last entry that it covers, up to
 * the newest checkpoint at the time of the first read. Reads in pages, so memory does not grow with the log.
 * What the store has lost is exported as lost (`entry` null, or an index that is skipped): an export hides nothing, and
 * verification names it. A log without a checkpoint exports a header only, which does not verify.
 */
export async function* exportLines(db: Kysely<Tables>, pageSize: number = PAGE): AsyncGenerator<string> {
  const newest = await findNewestCheckpoint(db)
  const size = newest?.size ?? 0
  const origin = parseTreeHead(newest?.note.slice(0, newest.note.lastIndexOf('\n\n') + 1) ?? '')?.origin ?? ''
  // After the checkpoint: a key is stored with the first checkpoint that it signs, so none is missing here.
  const verifierKeys = await listVerifierKeys(db)
  yield `${formatHeaderLine({ origin, from: 0, size, verifierKeys })}\n`
  const checkpoints = pagedCheckpoints(db, size, pageSize)
  let checkpoint = await checkpoints.next()
  for await (const leaf of pagedLeaves(db, size, pageSize)) {
    for (; !checkpoint.done && checkpoint.value.size <= leaf.index; checkpoint = await checkpoints.next()) {
      yield `${formatCheckpointLine(checkpoint.value.note)}\n`
    }
    const entry = leaf.body === null ? null : textOf(leaf.body)
    yield `${formatEntryLine({ index: leaf.index, entry, leafHash: leaf.leafHash })}\n`
  }
  for (; !checkpoint.done; checkpoint = await checkpoints.next())
    yield `${formatCheckpointLine(checkpoint.value.note)}\n`
}

async function* pagedLeaves(db: Kysely<Tables>, size: number, limit: number) {
  for (let from = 0; from < size; ) {
    const page = await listLeaves(db, { from, until: size, limit })
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < limit) return
    from = last.index + 1
  }
}

async function* pagedCheckpoints(db: Kysely<Tables>, size: number, limit: number) {
  // From below zero: a forged checkpoint of size 0 is exported as well, for verification to name it.
  for (let after = -1; ; ) {
    const page = await listCheckpoints(db, { after, upTo: size, limit })
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < limit) return
    after = last.size
  }
}

/** Bytes that are not UTF-8 become other text here, so that their leaf hash no longer fits and verification names the entry. */
function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
}
