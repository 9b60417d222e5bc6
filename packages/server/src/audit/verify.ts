import { Buffer } from 'node:buffer'
import { ServiceError } from '../errors.ts'
import { openCheckpoint, type TreeHead } from './checkpoint.ts'
import { MAX_EVENT_BYTES, parseCanonicalObject } from './encode.ts'
import { type ExportedEntry, type ExportHeader, parseExportLine } from './export-format.ts'
import { type AuditFault, createFaultList } from './faults.ts'
import { parseVerifierKey, type VerifierKey } from './note.ts'
import { createVouchedTree, type Match, type Mismatch } from './vouching.ts'

/** What the reader of an export knows from elsewhere. */
export interface ExportExpectation {
  /** Verifier keys (`name+id+base64`) that the reader trusts. Without them the keys in the export's own header are believed. */
  readonly trustedKeys?: readonly string[]
  /** A checkpoint that was kept outside the log: what it covers must be in the export, unchanged (truncation, forks). */
  readonly expected?: string
}

/** The result of verifying an export. */
export interface ExportVerdict {
  /** True only if every entry is vouched for by a signed checkpoint and nothing at all was found wrong. */
  readonly ok: boolean
  readonly origin: string | undefined
  /** Entry lines read. */
  readonly events: number
  /** Checkpoints whose signature and root verify. */
  readonly checkpoints: number
  /** Entries 0 up to this number, exclusive, are covered by a checkpoint that verifies. */
  readonly vouched: number
  /** Whose keys were believed. Keys `from the export itself` only show that the export is consistent in itself. */
  readonly keys: 'pinned' | 'from the export itself'
  /** By the entry that they concern, at most 100. */
  readonly faults: readonly AuditFault[]
  /** Faults beyond those that are listed. */
  readonly furtherFaults: number
  /** The lowest index that is bad or cannot be vouched for; undefined when no fault concerns an entry. */
  readonly firstBad: number | undefined
}

/**
 * Verifies an export offline, line by line, in constant memory: every entry canonical and in its place, every checkpoint signed
 * by a known key for this origin, and the root of the entries so far equal to the signed one.
 * A line may come with its newline or without.
 * Never throws for what the lines hold: each fault is named, and the verdict is `ok` only without any.
 * @throws ServiceError validation_failed when a trusted key is not a verifier key.
 */
export async function verifyExport(
  lines: AsyncIterable<string>,
  expectation: ExportExpectation = {},
): Promise<ExportVerdict> {
  const verification = createVerification(expectation)
  for await (const line of lines) verification.read(line)
  return verification.finish()
}

function createVerification({ trustedKeys, expected }: ExportExpectation) {
  const faults = createFaultList()
  const tree = createVouchedTree()
  const pinned = trustedKeys === undefined ? undefined : parseTrustedKeys(trustedKeys)
  let keys: readonly VerifierKey[] = pinned ?? []
  let line = 0
  let header: ExportHeader | undefined
  let events = 0
  let checkpoints = 0
  /** The index that the next entry must have. */
  let next = 0
  let vouched = 0
  /** A leaf is lost: no later root can be computed any more. */
  let broken = false
  let newest: TreeHead | undefined
  let kept: { head: TreeHead; match: Match | undefined } | undefined
  let mismatches: Mismatch[] = []
  let unlistedMismatches = 0
  /** Signed heads that fit neither tree: forks if a later head fits, else the entries were changed. */
  let unfitting: { size: number; line: number; first: number }[] = []

  function readHeader(found: ExportHeader) {
    if (line !== 1) return faults.add({ kind: 'line_malformed', line, detail: 'a second header' })
    header = found
    if (found.from !== 0) {
      faults.add({ kind: 'header_invalid', line, detail: `the export begins at entry ${found.from}, not at 0` })
    }
    const own = found.verifierKeys.flatMap((text) => parseVerifierKey(text) ?? [])
    if (own.length !== found.verifierKeys.length) {
      faults.add({ kind: 'header_invalid', line, detail: 'a verifier key in the header is malformed' })
    }
    keys = pinned ?? own
    if (expected !== undefined) readExpected(expected, found.origin)
  }

  function readExpected(note: string, origin: string) {
    const opened = openCheckpoint(note, keys)
    if (!opened.ok) {
      const kind = opened.reason === 'wrong_origin' ? opened.reason : 'expected_invalid'
      return faults.add({ kind, line, detail: opened.detail })
    }
    if (opened.head.origin !== origin) {
      return faults.add({ kind: 'wrong_origin', line, detail: 'the expected checkpoint is of another log' })
    }
    if (opened.head.size === 0n) {
      return faults.add({ kind: 'expected_invalid', line, detail: 'a checkpoint of an empty log proves nothing' })
    }
    kept = { head: opened.head, match: undefined }
  }

  function readEntry({ index, entry, leafHash }: ExportedEntry) {
    events += 1
    if (index < next) {
      return faults.add({
        kind: 'entry_out_of_order',
        line,
        index,
        detail: `entry ${index} stands after entry ${next - 1}`,
      })
    }
    if (index > next) lose(next, index - 1)
    next = index + 1
    const bytes = entry === null ? null : Buffer.from(entry, 'utf8')
    if (bytes === null) faults.add({ kind: 'entry_missing', line, index, detail: `the store has lost entry ${index}` })
    else if (bytes.length > MAX_EVENT_BYTES) {
      faults.add({ kind: 'entry_malformed', line, index, detail: `entry ${index} is larger than an event can be` })
    } else if (parseCanonicalObject(entry ?? '') === undefined) {
      faults.add({ kind: 'entry_malformed', line, index, detail: `entry ${index} is not canonical JSON` })
    }
    if (!tree.append(bytes, leafHash) && bytes !== null) {
      if (mismatches.length < MAX_MISMATCHES) mismatches.push({ index, line })
      else unlistedMismatches += 1
    }
    if (kept !== undefined && !broken && kept.head.size === BigInt(next)) kept.match = tree.matchOf(kept.head.root)
  }

  function lose(first: number, last: number): void {
    broken = true
    const what = first === last ? `entry ${first} is` : `entries ${first} to ${last} are`
    faults.add({ kind: 'entry_missing', line, range: { first, last }, detail: `${what} not in its place` })
  }

  function readCheckpoint(note: string) {
    const opened = openCheckpoint(note, keys)
    const range = rangeOf(vouched, next - 1)
    if (!opened.ok) {
      const kind = opened.reason === 'malformed' ? 'checkpoint_malformed' : opened.reason
      return faults.add({ kind, line, ...range, detail: `the checkpoint after ${next} entries: ${opened.detail}` })
    }
    const { head } = opened
    if (header !== undefined && head.origin !== header.origin) {
      return faults.add({ kind: 'wrong_origin', line, ...range, detail: 'the checkpoint is of another log' })
    }
    // a checkpoint of an empty log is no progress either, it vouches for nothing.
    const before = newest?.size ?? 0n
    if (head.size <= before) {
      const isFork = head.size === before && newest !== undefined && Buffer.compare(head.root, newest.root) !== 0
      const detail = isFork
        ? `two checkpoints are signed for ${head.size} entries, with different roots`
        : `the checkpoint of ${head.size} entries stands after the one of ${before}`
      return faults.add({ kind: isFork ? 'fork' : 'checkpoint_misplaced', line, ...range, detail })
    }
    newest = head
    if (head.size > BigInt(Number.MAX_SAFE_INTEGER) || head.size < BigInt(next)) {
      const detail = `a checkpoint of ${head.size} entries stands after ${next}: entries were inserted, or it was moved`
      return faults.add({ kind: 'checkpoint_misplaced', line, ...range, detail })
    }
    const size = Number(head.size)
    if (size > next) {
      lose(next, size - 1)
      next = size
    }
    if (!broken) compareRoot(head, size)
  }

  function compareRoot(head: TreeHead, size: number): void {
    const match = tree.matchOf(head.root)
    if (match === 'neither') {
      if (unfitting.length < MAX_MISMATCHES) unfitting.push({ size, line, first: vouched })
      return
    }
    for (const mismatch of mismatches) {
      const { index } = mismatch
      if (match === 'entries') {
        faults.add({ kind: 'leaf_hash_changed', ...mismatch, detail: `the leaf hash of entry ${index} was changed` })
      } else {
        faults.add({ kind: 'entry_changed', ...mismatch, detail: `entry ${index} was changed after it was sealed` })
      }
    }
    faults.countFurther(unlistedMismatches)
    for (const fork of unfitting) {
      const detail = `the checkpoint of ${fork.size} entries and that of ${size} are signed for different logs`
      faults.add({ kind: 'fork', line: fork.line, ...rangeOf(fork.first, fork.size - 1), detail })
    }
    mismatches = []
    unlistedMismatches = 0
    unfitting = []
    tree.settle(match)
    checkpoints += 1
    vouched = size
  }

  function finishTree(): void {
    for (const mismatch of mismatches) {
      const detail = `entry ${mismatch.index} and its leaf hash do not belong together`
      faults.add({ kind: 'entry_changed', ...mismatch, detail })
    }
    faults.countFurther(unlistedMismatches)
    const [unfit] = unfitting
    if (unfit !== undefined) {
      const detail = `the entries from ${unfit.first} up to ${unfit.size - 1} are not those that were signed; no later entry can be vouched for`
      faults.add({ kind: 'root_mismatch', line: unfit.line, ...rangeOf(unfit.first, unfit.size - 1), detail })
    }
    if (vouched < next && !broken && unfit === undefined) {
      const detail = `no checkpoint covers the entries from ${vouched} on: the export was cut off`
      faults.add({ kind: 'truncated', line, ...rangeOf(vouched, next - 1), detail })
    }
  }

  function finishExpected(): void {
    if (header === undefined) {
      faults.add({ kind: 'header_invalid', line: 1, detail: 'the export has no header' })
    } else if (header.size > next) {
      const detail = `the header announces ${header.size} entries, ${next} are there`
      faults.add({ kind: 'truncated', line, ...rangeOf(next, header.size - 1), detail })
    } else if (header.size < next) {
      faults.add({
        kind: 'header_invalid',
        line: 1,
        detail: `the header announces ${header.size} entries, ${next} are there`,
      })
    }
    if (checkpoints === 0) faults.add({ kind: 'no_checkpoint', line, detail: 'no checkpoint of the export verifies' })
    if (kept === undefined) return
    const size = Number(kept.head.size)
    if (kept.head.size > BigInt(next)) {
      const detail = `a checkpoint of ${kept.head.size} entries was kept, the export has ${next}: it was cut off`
      faults.add({ kind: 'truncated', line, ...rangeOf(next, size - 1), detail })
    } else if (kept.match === 'neither' || (kept.match === undefined && !broken)) {
      // Vouched for by the log's own checkpoints and yet another log: the signer told two stories. Else entries were changed.
      const isFork = size <= vouched
      const detail = `the first ${size} entries are not those of the checkpoint that was kept`
      const range = rangeOf(isFork ? 0 : vouched, size - 1)
      faults.add({ kind: isFork ? 'fork' : 'root_mismatch', line, ...range, detail })
    }
  }

  return {
    read(text: string): void {
      line += 1
      const parsed = parseExportLine(text.endsWith('\n') ? text.slice(0, -1) : text)
      if (parsed === undefined) {
        const detail = `line ${line} is not one that an export has`
        if (line > 1) faults.add({ kind: 'line_malformed', line, index: next, detail })
        else faults.add({ kind: 'header_invalid', line, detail: 'the first line is not a header' })
      } else if (parsed.type === 'header') readHeader(parsed.header)
      else if (parsed.type === 'entry') readEntry(parsed.entry)
      else readCheckpoint(parsed.note)
    },
    finish(): ExportVerdict {
      finishTree()
      finishExpected()
      return {
        ok: faults.count() === 0,
        origin: header?.origin,
        events,
        checkpoints,
        vouched,
        keys: pinned === undefined ? 'from the export itself' : 'pinned',
        faults: faults.list(),
        furtherFaults: faults.count() - faults.list().length,
        firstBad: faults.firstBad(),
      }
    },
  }
}

const MAX_MISMATCHES = 100

function rangeOf(first: number, last: number): { range?: { first: number; last: number } } {
  return first <= last ? { range: { first, last } } : {}
}

/** Verifier keys from their strings. @throws ServiceError validation_failed for a string that is none */
export function parseTrustedKeys(texts: readonly string[]): readonly VerifierKey[] {
  return texts.map((text) => {
    const key = parseVerifierKey(text)
    if (key === undefined)
      throw new ServiceError('validation_failed', { detail: 'a trusted key is not a verifier key' })
    return key
  })
}
