import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createTestSigner, sampleEvent, toLines, writeSampleExport } from '../../../../test/support/audit.ts'
import { ServiceError } from '../errors.ts'
import { formatTreeHead } from './checkpoint.ts'
import { encodeEvent } from './encode.ts'
import { formatCheckpointLine, formatEntryLine, formatHeaderLine, parseExportLine } from './export-format.ts'
import { readExportLines } from './export-lines.ts'
import type { AuditFault } from './faults.ts'
import { EMPTY_ROOT, hashLeaf } from './merkle.ts'
import { signNote } from './note.ts'
import { type ExportExpectation, type ExportVerdict, verifyExport } from './verify.ts'

const ORIGIN = 'log.example/audit'
const signer = createTestSigner(ORIGIN)
/** Lines 0: header, 1-3: entries 0-2, 4: checkpoint 3, 5-8: entries 3-6, 9: checkpoint 7, 10-12: entries 7-9, 13: checkpoint 10. */
const sample = writeSampleExport(10, [3, 7, 10], { signer })
const lineOfEntry = (index: number) => 1 + index + (index >= 3 ? 1 : 0) + (index >= 7 ? 1 : 0)
const CHECKPOINT_LINES = [4, 9, 13] as const

function verify(lines: readonly string[], expectation: ExportExpectation = {}): Promise<ExportVerdict> {
  return verifyExport(toLines(lines), expectation)
}

function lineAt(lines: readonly string[], index: number): string {
  const line = lines[index]
  assert.ok(line !== undefined)
  return line
}

function noteAt(lines: readonly string[], index: number): string {
  const parsed = parseExportLine(lineAt(lines, index))
  assert.ok(parsed?.type === 'checkpoint')
  return parsed.note
}

function entryLine(index: number, number: number, change = {}): string {
  const body = encodeEvent(sampleEvent(number, change))
  return formatEntryLine({ index, entry: Buffer.from(body).toString('utf8'), leafHash: hashLeaf(body) })
}

function renumbered(lines: readonly string[], by: number, from: number): string[] {
  return lines.map((line) => {
    const parsed = parseExportLine(line)
    if (parsed?.type !== 'entry' || parsed.entry.index < from) return line
    return formatEntryLine({ ...parsed.entry, index: parsed.entry.index + by })
  })
}

async function assertFault(
  lines: readonly string[],
  expected: Partial<AuditFault> & { firstBad?: number },
  expectation: ExportExpectation = {},
): Promise<ExportVerdict> {
  const verdict = await verify(lines, expectation)
  assert.equal(verdict.ok, false)
  const { firstBad, ...fields } = expected
  const found = verdict.faults.find((fault) => fault.kind === fields.kind)
  assert.ok(found, `no ${fields.kind} in ${JSON.stringify(verdict.faults)}`)
  assert.deepEqual({ ...found, ...fields }, found)
  if ('firstBad' in expected) assert.equal(verdict.firstBad, firstBad)
  return verdict
}

describe('verifying an export that was tampered with (A-06)', () => {
  it('names the entry whose text was changed', async () => {
    for (let index = 0; index < 10; index += 1) {
      const line = lineOfEntry(index)
      const changed = sample.with(line, lineAt(sample, line).replace('\\"revision\\":', '\\"revision\\":1'))
      const verdict = await assertFault(changed, { kind: 'entry_changed', index, line: line + 1, firstBad: index })
      assert.equal(verdict.faults.length, 1)
      // The stated leaf hash is authentic, so everything after it is still vouched for.
      assert.equal(verdict.vouched, 10)
    }
  })

  it('tells a changed leaf hash from a changed entry', async () => {
    const other = parseExportLine(entryLine(5, 99))
    assert.ok(other?.type === 'entry')
    const line = lineOfEntry(5)
    const own = parseExportLine(lineAt(sample, line))
    assert.ok(own?.type === 'entry')
    const changed = sample.with(line, formatEntryLine({ ...own.entry, leafHash: other.entry.leafHash }))
    await assertFault(changed, { kind: 'leaf_hash_changed', index: 5, firstBad: 5 })
    const short = sample.with(line, formatEntryLine({ ...own.entry, leafHash: new Uint8Array(0) }))
    await assertFault(short, { kind: 'leaf_hash_changed', index: 5, firstBad: 5 })
  })

  it('names the range from the last good checkpoint when entry and leaf hash were changed together', async () => {
    const changed = sample.with(lineOfEntry(5), entryLine(5, 99))
    const verdict = await assertFault(changed, { kind: 'root_mismatch', range: { first: 3, last: 6 }, firstBad: 3 })
    assert.equal(verdict.vouched, 3)
    assert.equal(verdict.checkpoints, 1)
  })

  it('names the range and the entry when one entry and the leaf hash of another were changed', async () => {
    const own = parseExportLine(lineAt(sample, lineOfEntry(4)))
    assert.ok(own?.type === 'entry')
    const changed = sample
      .with(lineOfEntry(4), formatEntryLine({ ...own.entry, leafHash: EMPTY_ROOT }))
      .with(lineOfEntry(5), lineAt(sample, lineOfEntry(5)).replace('pol_1', 'pol_2'))
    const verdict = await assertFault(changed, { kind: 'root_mismatch', range: { first: 3, last: 6 }, firstBad: 3 })
    assert.deepEqual(
      verdict.faults.map((fault) => fault.index),
      [undefined, 4, 5],
    )
  })

  it('names a deleted entry', async () => {
    for (let index = 0; index < 10; index += 1) {
      const deleted = sample.toSpliced(lineOfEntry(index), 1)
      await assertFault(deleted, { kind: 'entry_missing', range: { first: index, last: index }, firstBad: index })
    }
  })

  it('finds a deletion that renumbers what follows', async () => {
    const deleted = renumbered(sample.toSpliced(lineOfEntry(4), 1), -1, 5)
    await assertFault(deleted, { kind: 'entry_missing', range: { first: 6, last: 6 } })
    assert.ok(((await verify(deleted)).firstBad ?? 99) <= 6)
  })

  it('names an entry that the store has lost, and still vouches for the others', async () => {
    const own = parseExportLine(lineAt(sample, lineOfEntry(4)))
    assert.ok(own?.type === 'entry')
    const lost = sample.with(lineOfEntry(4), formatEntryLine({ ...own.entry, entry: null }))
    const verdict = await assertFault(lost, { kind: 'entry_missing', index: 4, firstBad: 4 })
    assert.deepEqual([verdict.faults.length, verdict.vouched], [1, 10])
  })

  it('names an inserted entry, under the index of another or with all that follow renumbered', async () => {
    const doubled = sample.toSpliced(lineOfEntry(5), 0, entryLine(4, 99))
    await assertFault(doubled, { kind: 'entry_out_of_order', index: 4, firstBad: 4 })
    const inserted = renumbered(sample, 1, 4).toSpliced(lineOfEntry(4), 0, entryLine(4, 99))
    await assertFault(inserted, { kind: 'checkpoint_misplaced', range: { first: 3, last: 7 }, firstBad: 3 })
    const beyond = [...sample, entryLine(10, 99)]
    await assertFault(beyond, { kind: 'truncated', range: { first: 10, last: 10 }, firstBad: 10 })
  })

  it('names reordered entries, with their indexes or without', async () => {
    const [four, five] = [lineAt(sample, lineOfEntry(4)), lineAt(sample, lineOfEntry(5))]
    const swapped = sample.with(lineOfEntry(4), five).with(lineOfEntry(5), four)
    await assertFault(swapped, { kind: 'entry_out_of_order', index: 4, firstBad: 4 })
    const renamed = sample.with(lineOfEntry(4), entryLine(4, 5)).with(lineOfEntry(5), entryLine(5, 4))
    await assertFault(renamed, { kind: 'root_mismatch', range: { first: 3, last: 6 }, firstBad: 3 })
  })

  it('finds that an export was cut off, wherever it was cut', async () => {
    for (let end = 0; end < sample.length; end += 1) {
      const verdict = await verify(sample.slice(0, end))
      assert.equal(verdict.ok, false, `cut after ${end} lines`)
    }
    await assertFault(sample.slice(0, 12), { kind: 'truncated', range: { first: 7, last: 8 }, firstBad: 7 })
  })

  it('finds a cut back to an older checkpoint, header and all, by a checkpoint that was kept elsewhere', async () => {
    const header = formatHeaderLine({ origin: ORIGIN, from: 0, size: 7, verifierKeys: [signer.verifierKey] })
    const cut = sample.slice(0, 10).with(0, header)
    // Nothing in the file shows it: this is what the kept checkpoint is for.
    assert.equal((await verify(cut)).ok, true)
    const kept = { expected: noteAt(sample, 13) }
    await assertFault(cut, { kind: 'truncated', range: { first: 7, last: 9 }, firstBad: 7 }, kept)
  })

  it('finds a log that was written anew, by a checkpoint that was kept elsewhere', async () => {
    const anew = writeSampleExport(12, [12], { signer, event: (index) => sampleEvent(index === 2 ? 99 : index) })
    assert.equal((await verify(anew)).ok, true)
    await assertFault(
      anew,
      { kind: 'fork', range: { first: 0, last: 6 }, firstBad: 0 },
      { expected: noteAt(sample, 9) },
    )
  })

  it('finds two checkpoints of one size with different roots', async () => {
    const text = formatTreeHead({ origin: ORIGIN, size: 7n, root: hashLeaf(Buffer.from('fork')) })
    const forked = sample.toSpliced(10, 0, formatCheckpointLine(signNote(text, [signer])))
    await assertFault(forked, { kind: 'fork', line: 11 })
    const first = sample.toSpliced(9, 0, formatCheckpointLine(signNote(text, [signer])))
    await assertFault(first, { kind: 'fork' })
  })

  it('finds a signed checkpoint that later checkpoints are not consistent with', async () => {
    const text = formatTreeHead({ origin: ORIGIN, size: 5n, root: hashLeaf(Buffer.from('fork')) })
    const forked = sample.toSpliced(lineOfEntry(5), 0, formatCheckpointLine(signNote(text, [signer])))
    const verdict = await assertFault(forked, { kind: 'fork', line: 8, range: { first: 3, last: 4 } })
    assert.equal(verdict.vouched, 10)
  })

  it('finds moved, repeated and removed checkpoints', async () => {
    const moved = sample.toSpliced(4, 1).toSpliced(5, 0, lineAt(sample, 4))
    await assertFault(moved, { kind: 'checkpoint_misplaced', line: 6 })
    await assertFault(sample.toSpliced(9, 0, lineAt(sample, 4)), { kind: 'checkpoint_misplaced' })
    await assertFault(sample.toSpliced(9, 0, lineAt(sample, 9)), { kind: 'checkpoint_misplaced' })
    await assertFault(sample.slice(0, -1), { kind: 'truncated', range: { first: 7, last: 9 }, firstBad: 7 })
    const early = sample.toSpliced(9, 1).toSpliced(7, 0, lineAt(sample, 9))
    assert.equal((await verify(early)).ok, false)
    const header = formatHeaderLine({ origin: ORIGIN, from: 0, size: 0, verifierKeys: [signer.verifierKey] })
    const empty = formatTreeHead({ origin: ORIGIN, size: 0n, root: EMPTY_ROOT })
    await assertFault([header], { kind: 'no_checkpoint' })
    await assertFault([header, formatCheckpointLine(signNote(empty, [signer]))], { kind: 'no_checkpoint' })
  })

  it('finds a wrong signature on any checkpoint', async () => {
    for (const line of CHECKPOINT_LINES) {
      const note = noteAt(sample, line)
      const at = note.length - 30
      const forged = note.slice(0, at) + (note[at] === 'A' ? 'B' : 'A') + note.slice(at + 1)
      await assertFault(sample.with(line, formatCheckpointLine(forged)), { kind: 'bad_signature', line: line + 1 })
    }
    const rooted = noteAt(sample, 13).replace(/\n[^\n]{44}\n/, `\n${Buffer.from(EMPTY_ROOT).toString('base64')}\n`)
    await assertFault(sample.with(13, formatCheckpointLine(rooted)), { kind: 'bad_signature', firstBad: 7 })
    await assertFault(sample.with(13, formatCheckpointLine('nothing\n')), { kind: 'checkpoint_malformed', firstBad: 7 })
  })

  it('finds a checkpoint of another log, even one signed with the same key', async () => {
    const other = writeSampleExport(10, [3, 7, 10], { signer, origin: 'other.example/audit' })
    await assertFault(sample.with(9, lineAt(other, 9)), { kind: 'wrong_origin', line: 10 })
    const header = formatHeaderLine({ origin: 'other.example', from: 0, size: 10, verifierKeys: [signer.verifierKey] })
    await assertFault(sample.with(0, header), { kind: 'wrong_origin' })
  })

  it('G-05: finds a checkpoint that a key of another name has signed, such as that of the receipts of the log', async () => {
    const receipts = createTestSigner(`${ORIGIN}/receipts`)
    const forged = writeSampleExport(10, [3, 7, 10], { signer: receipts })
    const trustedKeys = [signer.verifierKey, receipts.verifierKey]
    await assertFault(forged, { kind: 'wrong_origin', line: 5 }, { trustedKeys })
    await assertFault(forged, { kind: 'wrong_origin', line: 5 })
  })

  it('finds checkpoints of a key that is not trusted, also under the name of one that is', async () => {
    const impostor = createTestSigner(ORIGIN)
    const forged = writeSampleExport(10, [3, 7, 10], { signer: impostor })
    // In itself the forged log is consistent: only a pinned key tells.
    const verdict = await verify(forged)
    assert.deepEqual([verdict.ok, verdict.keys], [true, 'from the export itself'])
    await assertFault(forged, { kind: 'unknown_key' }, { trustedKeys: [signer.verifierKey] })
    await assertFault(sample, { kind: 'unknown_key' }, { trustedKeys: [] })
    await assertFault(sample.with(9, lineAt(forged, 9)), { kind: 'unknown_key', line: 10 })
  })

  it('finds an entry that is not canonical although its hash is signed', async () => {
    const entry = '{"b":1, "a":2}'
    const leafHash = hashLeaf(Buffer.from(entry))
    const header = formatHeaderLine({ origin: ORIGIN, from: 0, size: 1, verifierKeys: [signer.verifierKey] })
    const text = formatTreeHead({ origin: ORIGIN, size: 1n, root: leafHash })
    const lines = [
      header,
      formatEntryLine({ index: 0, entry, leafHash }),
      formatCheckpointLine(signNote(text, [signer])),
    ]
    await assertFault(lines, { kind: 'entry_malformed', index: 0, firstBad: 0 })
  })

  it('finds a header that is missing, repeated, of another version, or announces something else', async () => {
    await assertFault(sample.slice(1), { kind: 'header_invalid' })
    await assertFault(sample.toSpliced(1, 0, lineAt(sample, 0)), { kind: 'line_malformed', line: 2 })
    await assertFault(sample.with(0, lineAt(sample, 0).replace('"version":1', '"version":2')), {
      kind: 'header_invalid',
    })
    await assertFault(sample.with(0, lineAt(sample, 0).replace('"from":0', '"from":1')), { kind: 'header_invalid' })
    await assertFault(sample.with(0, lineAt(sample, 0).replace('"size":10', '"size":9')), { kind: 'header_invalid' })
    await assertFault(sample.with(0, lineAt(sample, 0).replace('"size":10', '"size":11')), {
      kind: 'truncated',
      range: { first: 10, last: 10 },
    })
    const keys = formatHeaderLine({
      origin: ORIGIN,
      from: 0,
      size: 10,
      verifierKeys: [signer.verifierKey, 'x+00000000+AAAA'],
    })
    await assertFault(sample.with(0, keys), { kind: 'header_invalid' })
    await assertFault([], { kind: 'header_invalid' })
  })

  it('refuses an expectation that is no checkpoint of this log, and trusted keys that are none', async () => {
    await assertFault(sample, { kind: 'expected_invalid' }, { expected: 'nothing' })
    const empty = signNote(formatTreeHead({ origin: ORIGIN, size: 0n, root: EMPTY_ROOT }), [signer])
    await assertFault(sample, { kind: 'expected_invalid' }, { expected: empty })
    const foreign = signNote(formatTreeHead({ origin: 'b', size: 1n, root: EMPTY_ROOT }), [signer])
    await assertFault(sample, { kind: 'wrong_origin' }, { expected: foreign })
    const unknown = noteAt(writeSampleExport(10, [7], { signer: createTestSigner(ORIGIN) }), 8)
    await assertFault(sample, { kind: 'expected_invalid' }, { expected: unknown })
    await assert.rejects(verify(sample, { trustedKeys: ['nothing'] }), (error) => error instanceof ServiceError)
  })

  it('finds every change of one character, and never later than where it is', async () => {
    const characters = fc.record({
      line: fc.nat(sample.length - 1),
      at: fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      replacement: fc.oneof(
        fc.constant(''),
        fc.constantFrom(' ', '0', 'a', '"', '\\', 'B'),
        fc.string({ maxLength: 2 }),
      ),
    })
    await fc.assert(
      fc.asyncProperty(characters, async ({ line, at, replacement }) => {
        const text = lineAt(sample, line)
        const index = Math.floor(at * text.length)
        const changed = text.slice(0, index) + replacement + text.slice(index + 1)
        fc.pre(changed !== text)
        const verdict = await verify(sample.with(line, changed))
        assert.equal(verdict.ok, false, changed)
        const parsed = parseExportLine(text)
        if (parsed?.type === 'entry')
          assert.ok((verdict.firstBad ?? Number.POSITIVE_INFINITY) <= parsed.entry.index, changed)
      }),
      { numRuns: 1500 },
    )
  })

  it('finds every removal, repetition and exchange of lines', async () => {
    const edit = fc.tuple(
      fc.constantFrom('remove', 'repeat', 'swap'),
      fc.nat(sample.length - 1),
      fc.nat(sample.length - 1),
    )
    await fc.assert(
      fc.asyncProperty(edit, async ([kind, a, b]) => {
        fc.pre(a !== b)
        const [first, second] = [lineAt(sample, a), lineAt(sample, b)]
        const edited =
          kind === 'remove'
            ? sample.toSpliced(a, 1)
            : kind === 'repeat'
              ? sample.toSpliced(b, 0, first)
              : sample.with(a, second).with(b, first)
        // A checkpoint in between can be left out: the next one covers its entries as well.
        fc.pre(!(kind === 'remove' && (a === 4 || a === 9)))
        assert.equal((await verify(edited)).ok, false)
      }),
      { numRuns: 500 },
    )
  })

  it('never throws for lines of any kind, and keeps at most 100 faults', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.string(), fc.constantFrom(...sample)), { maxLength: 20 }),
        async (lines) => {
          assert.equal((await verify(lines)).ok, false)
        },
      ),
    )
    const verdict = await verify([...sample, ...Array.from({ length: 500 }, () => 'x')])
    assert.deepEqual([verdict.faults.length, verdict.furtherFaults], [100, 400])
  })
})

describe('verifying an export that is whole', () => {
  it('accepts it, and says whose keys were believed', async () => {
    const verdict = await verify(sample)
    assert.deepEqual(verdict, {
      ok: true,
      origin: ORIGIN,
      events: 10,
      checkpoints: 3,
      vouched: 10,
      keys: 'from the export itself',
      faults: [],
      furtherFaults: 0,
      firstBad: undefined,
    })
    const pinned = await verify(sample, { trustedKeys: [signer.verifierKey], expected: noteAt(sample, 9) })
    assert.deepEqual([pinned.ok, pinned.keys], [true, 'pinned'])
  })

  it('accepts lines that still have their newline, and no second one', async () => {
    assert.equal((await verify(sample.map((line) => `${line}\n`))).ok, true)
    await assertFault(sample.with(3, `${lineAt(sample, 3)}\n\n`), { kind: 'line_malformed', line: 4, firstBad: 2 })
    await assertFault([...sample, ''], { kind: 'line_malformed', line: 15 })
  })

  it('accepts a kept checkpoint of any size that the log had, in the export or not', async () => {
    for (let size = 1; size <= 10; size += 1) {
      const kept = writeSampleExport(size, [size], { signer })
      const verdict = await verify(sample, { expected: noteAt(kept, kept.length - 1) })
      assert.equal(verdict.ok, true)
    }
  })

  it('accepts checkpoints of several keys over time', async () => {
    const successor = createTestSigner(ORIGIN)
    const later = writeSampleExport(10, [3, 7, 10], { signer: successor })
    const keys = [signer.verifierKey, successor.verifierKey]
    const header = formatHeaderLine({ origin: ORIGIN, from: 0, size: 10, verifierKeys: keys })
    const rotated = sample.with(0, header).with(9, lineAt(later, 9)).with(13, lineAt(later, 13))
    assert.equal((await verify(rotated)).ok, true)
    assert.equal((await verify(rotated, { trustedKeys: keys })).ok, true)
    await assertFault(rotated, { kind: 'unknown_key' }, { trustedKeys: [signer.verifierKey] })
  })
})

describe('reading the lines of an export', () => {
  async function* inChunks(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length)
  }

  async function read(bytes: Uint8Array, length: number): Promise<string[]> {
    const lines: string[] = []
    for await (const line of readExportLines(inChunks(bytes, length))) lines.push(line)
    return lines
  }

  it('marks a line that is not UTF-8 or is endless, instead of mending it', async () => {
    const body = encodeEvent(sampleEvent(0, { data: { text: 'caf\u00e9 \ufffd' } }))
    const line = formatEntryLine({ index: 0, entry: Buffer.from(body).toString('utf8'), leafHash: hashLeaf(body) })
    // EF BF BD is U+FFFD itself: a lenient decoder reads any broken byte as the same character.
    const bytes = Buffer.from(line.replace('\ufffd', '\u0001'))
    bytes[bytes.indexOf(1)] = 0xff
    const [first] = await read(bytes, 7)
    assert.equal(parseExportLine(first ?? ''), undefined)
    const [endless, next] = await read(Buffer.concat([Buffer.alloc(1_000_000, 'a'), Buffer.from('\nb')]), 4096)
    assert.ok((endless?.length ?? 0) < 100)
    assert.equal(next, 'b')
  })

  it('keeps a byte order mark, CR and U+2028 where they are, for verification to see', async () => {
    assert.deepEqual(await read(Buffer.from('\ufeffa\r\nb\u2028c\n\nd'), 2), ['\ufeffa\r', 'b\u2028c', '', 'd'])
    assert.deepEqual(await read(Buffer.from(''), 2), [])
  })

  it('gives the same lines however the bytes arrive', async () => {
    const bytes = Buffer.from(sample.map((line) => `${line}\n`).join(''))
    for (const length of [1, 13, 4096, bytes.length]) assert.deepEqual(await read(bytes, length), sample)
  })
})
