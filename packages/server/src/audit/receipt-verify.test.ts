import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createTestSigner } from '../../../../test/support/audit.ts'
import { ServiceError } from '../errors.ts'
import { canonicalJson } from '../lib/index.ts'
import { openCheckpoint, signCheckpoint } from './checkpoint.ts'
import { decodeEvent } from './encode.ts'
import { parseVerifierKey, signNote } from './note.ts'
import { ORIGIN, type SampleReceipt, sampleFacts, sampleFollower, writeSampleReceipt } from './receipt.fixture.ts'
import { openReceiptNote, receiptKeyName, signReceiptNote } from './receipt-note.ts'
import { looksLikeReceipt, RECEIPT_CHECKS, type ReceiptCheckName, verifyReceipt } from './receipt-verify.ts'

const sample = await writeSampleReceipt()

// biome-ignore lint/suspicious/noExplicitAny: what is altered here may be any JSON, also one that no receipt has
type Anything = any

function verify(wire: unknown, trustedKeys: readonly string[] | null = sample.keys) {
  const text = typeof wire === 'string' ? wire : JSON.stringify(wire, undefined, 2)
  return verifyReceipt({ receipt: Buffer.from(text, 'utf8'), trustedKeys: trustedKeys ?? undefined })
}

function assertRefused(wire: unknown, at?: ReceiptCheckName, trustedKeys?: readonly string[] | null): void {
  const verdict = verify(wire, trustedKeys)
  assert.equal(verdict.ok, false)
  assert.deepEqual(
    verdict.checks.map((check) => check.name),
    [...RECEIPT_CHECKS],
  )
  const failed = verdict.checks.find((check) => check.outcome === 'failed')
  assert.ok(failed, 'what is wrong has a name')
  if (at !== undefined) assert.equal(failed.name, at, failed.detail)
}

function changed(change: (wire: Anything) => void, of: SampleReceipt = sample): Record<string, unknown> {
  const wire = structuredClone(of.wire)
  change(wire)
  return wire
}

/** The same value with one bit of base64 data, a digit, a letter or a member changed, at every place of the JSON. */
function* alterations(
  value: unknown,
  path: readonly (string | number)[] = [],
): Generator<readonly [string, (root: Anything) => void]> {
  const at = path.join('/')
  const set = (to: unknown) => (root: Anything) => {
    let parent = root
    for (const step of path.slice(0, -1)) parent = parent[step]
    parent[path.at(-1) ?? ''] = to
  }
  if (path.length > 0) {
    yield [`${at} is null`, set(value === null ? 'x' : null)]
    yield [`${at} is another type`, set(typeof value === 'number' ? String(value) : 7)]
  }
  if (typeof value === 'string') {
    yield [`${at} is empty`, set('')]
    yield [`${at} is longer`, set(`${value}x`)]
    yield [`${at} is cut off`, set(value.slice(0, -1))]
    for (const position of [0, Math.floor(value.length / 2), value.length - 1]) {
      const other = value[position] === 'a' ? 'b' : 'a'
      yield [`${at} differs at ${position}`, set(`${value.slice(0, position)}${other}${value.slice(position + 1)}`)]
    }
  } else if (typeof value === 'number') {
    yield [`${at} is one more`, set(value + 1)]
    yield [`${at} is negative`, set(-1)]
    yield [`${at} is a fraction`, set(value + 0.5)]
  } else if (Array.isArray(value)) {
    yield [`${at} is empty`, set([])]
    yield [`${at} has one more`, set([...value, value[0]])]
    if (value.length > 1) yield [`${at} is reversed`, set(value.toReversed())]
    for (const [index, item] of value.entries()) yield* alterations(item, [...path, index])
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      yield* alterations(item, [...path, name])
      yield [
        `${at} lacks ${name}`,
        (root) => {
          let parent = root
          for (const step of path) parent = parent[step]
          delete parent[name]
        },
      ]
    }
    yield [
      `${at} has another member`,
      (root) => {
        let parent = root
        for (const step of path) parent = parent[step]
        parent.extra = 1
      },
    ]
  }
}

describe('a receipt is refused (A-06)', () => {
  it('A-06: with any member of it changed, removed, added or moved', () => {
    const { verifier_keys: _keys, ...signed } = sample.wire
    let count = 0
    for (const [what, change] of alterations(signed)) {
      const wire = changed(change)
      assert.equal(verify(wire).ok, false, what)
      assert.equal(verify(wire, null).ok, false, `${what}, with the keys of the receipt itself`)
      count += 1
    }
    assert.ok(count > 250, `${count} alterations`)
  })

  it('A-06: with any one byte of its text changed to mean something else', () => {
    const text = JSON.stringify(sample.wire)
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 0x20, max: 0x7e }), (at, unit) => {
        const altered = `${text.slice(0, at)}${String.fromCharCode(unit)}${text.slice(at + 1)}`
        const verdict = verify(altered)
        if (verdict.ok) {
          const { verifier_keys: _one, ...before } = JSON.parse(text)
          const { verifier_keys: _two, ...after } = JSON.parse(altered)
          assert.equal(canonicalJson(after), canonicalJson(before))
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('A-06: cut off anywhere', () => {
    const text = JSON.stringify(sample.wire)
    for (let length = 0; length < text.length; length += 7) assertRefused(text.slice(0, length), 'format')
  })

  it('with a member twice, a byte order mark, text after it, or nested without end', () => {
    const text = JSON.stringify(sample.wire)
    assertRefused(text.replace('{', '{"value":"pol_other",'), 'format')
    assertRefused(`\ufeff${text}`, 'format')
    assertRefused(`${text}{}`, 'format')
    assertRefused('['.repeat(100_000), 'format')
    assertRefused(`{"id":${'['.repeat(100_000)}`, 'format')
    assertRefused('[]', 'format')
    assertRefused('', 'format')
  })

  it('while it is pending, also when it carries a note and a proof', () => {
    assertRefused(
      changed((wire) => Object.assign(wire, { state: 'pending', final_at: null, note: null, proof: null })),
      'final',
    )
    assertRefused(
      changed((wire) => Object.assign(wire, { state: 'pending' })),
      'final',
    )
    assertRefused(
      changed((wire) => Object.assign(wire, { final_at: null })),
      'final',
    )
  })

  it('with an instant that is spelled in another way, or does not exist', () => {
    for (const instant of [
      '2027-01-01T00:00:00Z',
      '2027-01-01T01:00:00.000+01:00',
      '2027-02-30T00:00:00.000Z',
      'now',
    ]) {
      assertRefused(
        changed((wire) => Object.assign(wire, { committed_at: instant })),
        'format',
      )
    }
  })
})

describe('signatures of receipts', () => {
  it('A-06: a note of another key of the same name is refused', async () => {
    const forged = await writeSampleReceipt({ logKey: sample.logKey })
    assertRefused(forged.wire, 'note_signature')
    assert.equal(verify(forged.wire, null).ok, true, 'it is consistent in itself, which is all that this says')
  })

  it('A-06: a checkpoint of another key of the same name is refused', async () => {
    const forged = await writeSampleReceipt({ receiptKey: sample.receiptKey })
    assertRefused(forged.wire, 'checkpoint_signature')
  })

  it('A-06: note and checkpoint cannot stand for each other, and neither can their signatures (domain separation)', () => {
    const proof = sample.wire['proof'] as { checkpoint: string }
    const note = sample.wire['note'] as string
    const keys = sample.keys.flatMap((key) => parseVerifierKey(key) ?? [])
    assert.equal(openReceiptNote(proof.checkpoint, keys).ok, false)
    assert.equal(openCheckpoint(note, keys).ok, false)
    assertRefused(
      changed((wire) => Object.assign(wire, { note: proof.checkpoint })),
      'note_signature',
    )
    assertRefused(
      changed((wire) => Object.assign(wire.proof, { checkpoint: note })),
      'checkpoint_signature',
    )
    const [noteText = '', noteSignature = ''] = note.split('\n\n')
    const [headText = '', headSignature = ''] = proof.checkpoint.split('\n\n')
    assertRefused(
      changed((wire) => {
        wire.note = `${noteText}\n\n${headSignature}`
        wire.proof.checkpoint = `${headText}\n\n${noteSignature}`
      }),
      'note_signature',
    )
  })

  it('G-05: the receipt key signs no tree head, and the key of the log no receipt, even of the right content', () => {
    const { logKey, receiptKey, keys } = sample
    const proof = sample.wire['proof'] as { checkpoint: string }
    const opened = openCheckpoint(
      proof.checkpoint,
      keys.flatMap((key) => parseVerifierKey(key) ?? []),
    )
    assert.ok(opened.ok)
    assertRefused(
      changed((wire) => Object.assign(wire.proof, { checkpoint: signCheckpoint(opened.head, [receiptKey]) })),
      'checkpoint_signature',
    )
    const text = `${(sample.wire['note'] as string).split('\n\n')[0]}\n`
    assertRefused(
      changed((wire) => Object.assign(wire, { note: signNote(text, [logKey]) })),
      'note_signature',
    )
    assert.throws(() => signReceiptNote(ORIGIN, '{}', logKey), TypeError)
  })

  it('a log whose name ends like the one of receipts gains nothing by it', async () => {
    // Its tree heads begin with the first line of our receipts, and its key has the name of our receipt key.
    const foreign = createTestSigner(receiptKeyName(ORIGIN))
    const note = signCheckpoint({ origin: foreign.name, size: 1n, root: new Uint8Array(32) }, [foreign])
    assertRefused(
      changed((wire) => Object.assign(wire, { note })),
      'note_signature',
      [...sample.keys, foreign.verifierKey],
    )
  })

  it('A-06: a checkpoint of another log is refused, though its key is trusted too', async () => {
    const other = await writeSampleReceipt({ origin: 'other.example/v1/audit' })
    assertRefused(
      changed((wire) => Object.assign(wire, { proof: other.wire['proof'] })),
      'same_log',
      [...sample.keys, ...other.keys],
    )
    assertRefused(other.wire, 'note_signature')
  })

  it('one of the two keys is not enough, and none is none', () => {
    const [log = '', receipts = ''] = sample.keys
    assertRefused(sample.wire, 'note_signature', [log])
    assertRefused(sample.wire, 'checkpoint_signature', [receipts])
    assertRefused(sample.wire, 'note_signature', [])
    assertRefused(
      changed((wire) => delete wire.verifier_keys),
      'note_signature',
      null,
    )
    assert.throws(
      () => verify(sample.wire, ['no key']),
      (error) => error instanceof ServiceError && error.code === 'validation_failed',
    )
  })
})

describe('the proof of a receipt', () => {
  it('A-07: the event must be in the tree: other hashes, places, sizes and roots fail', async () => {
    const larger = await writeSampleReceipt({ ...sample, size: 13 })
    const moved = await writeSampleReceipt({ ...sample, index: 6 })
    for (const [what, other] of [
      ['another size', larger],
      ['another place', moved],
    ] as const) {
      const proof = other.wire['proof'] as Record<string, unknown>
      for (const member of ['leaf_index', 'hashes', 'checkpoint']) {
        const wire = changed((one) => {
          one.proof[member] = proof[member]
        })
        if (canonicalJson(wire as never) !== canonicalJson(sample.wire as never)) {
          assertRefused(wire, 'inclusion')
        } else assert.ok(what)
      }
    }
  })

  it('A-07: an empty tree proves nothing, and a log of one entry can prove its entry', async () => {
    const { logKey } = sample
    const empty = signCheckpoint({ origin: ORIGIN, size: 0n, root: new Uint8Array(32) }, [logKey])
    assertRefused(
      changed((wire) => Object.assign(wire.proof, { checkpoint: empty, hashes: [], leaf_index: 0 })),
      'inclusion',
    )
    const single = await writeSampleReceipt({ index: 0, size: 1 })
    assert.equal(verify(single.wire, single.keys).ok, true)
  })

  it('an event of another kind, outcome, or with other facts proves nothing, though it is in the log', async () => {
    for (const event of [
      { kind: 'revocation.created' },
      { outcome: 'failed' as const },
      { data: {} },
      { data: { receipt: { v: 1 } } },
    ]) {
      const { wire, keys } = await writeSampleReceipt({ event })
      assertRefused(wire, 'event', keys)
    }
  })

  it('the note of one receipt does not carry another of the same log', async () => {
    const second = await writeSampleReceipt({ ...sample, facts: sampleFacts({ value: 'pol_other' }), size: 20 })
    assertRefused(
      changed((wire) => Object.assign(wire, { note: second.wire['note'] })),
      'note_facts',
    )
    assertRefused(
      changed((wire) => Object.assign(wire, { proof: second.wire['proof'] })),
      'event',
    )
    assert.equal(verify(second.wire).ok, true)
  })
})

describe('a receipt with more followers than an event holds', () => {
  it('A-06: is signed with the hash of its list; a follower changed, removed, added or confirmed later fails', async () => {
    const followers = Array.from({ length: 500 }, (_, index) => sampleFollower(index))
    const many = await writeSampleReceipt({ facts: sampleFacts({ followers }) })
    const proof = many.wire['proof'] as { event: string }
    const { data } = decodeEvent(Buffer.from(proof.event, 'base64'))
    assert.deepEqual(Object.keys((data['receipt'] as { followers: object }).followers), [
      'confirmed',
      'count',
      'sha256',
    ])
    assert.equal(verify(many.wire, many.keys).ok, true)
    for (const change of [
      (wire: Anything) => wire.followers.pop(),
      (wire: Anything) => wire.followers.push(wire.followers[0]),
      (wire: Anything) => wire.followers.reverse(),
      (wire: Anything) => Object.assign(wire.followers[6], { confirmed_at: wire.followers[5].confirmed_at }),
      (wire: Anything) => Object.assign(wire, { followers: (data['receipt'] as Anything).followers }),
    ]) {
      const verdict = verify(changed(change, many), many.keys)
      assert.equal(verdict.ok, false)
    }
  })

  it('the same for services, and for both', async () => {
    const services = Array.from({ length: 300 }, (_, index) => ({
      ...{ id: `svc_${index}`, name: `service-${index}`, followers: 0, mayAcceptUntil: undefined },
      why: 'no_followers' as const,
    }))
    const followers = Array.from({ length: 100 }, (_, index) => sampleFollower(index))
    for (const facts of [sampleFacts({ services }), sampleFacts({ services, followers })]) {
      const many = await writeSampleReceipt({ facts })
      assert.equal(verify(many.wire, many.keys).ok, true)
      const wire = changed((one) => Object.assign(one.services[7], { followers: 1 }), many)
      assertRefused(wire, 'note_facts', many.keys)
    }
  })
})

describe('a receipt that is what it says', () => {
  it('verifies with pinned keys, and says whose keys it rests on', () => {
    const verdict = verify(sample.wire)
    assert.deepEqual(
      verdict.checks.filter((check) => check.outcome !== 'ok'),
      [],
    )
    assert.equal(verdict.ok, true)
    assert.equal(verdict.keys, 'pinned')
    assert.equal(verdict.origin, ORIGIN)
    assert.equal(verdict.size, 12n)
    assert.deepEqual(verdict.facts, sampleFacts())
    const own = verify(JSON.stringify(sample.wire), null)
    assert.deepEqual([own.ok, own.keys], [true, 'from the receipt itself'])
  })

  it('verifies at any place of a log of any size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 600 }), fc.nat(), async (size, at) => {
        const { wire, keys } = await writeSampleReceipt({ size, index: at % size })
        assert.equal(verify(wire, keys).ok, true)
      }),
      { numRuns: 25 },
    )
  })

  it('is told from an export by what it is, not by its name', () => {
    assert.equal(looksLikeReceipt(JSON.stringify(sample.wire, undefined, 2)), true)
    assert.equal(looksLikeReceipt('{"id":"rcpt_"}'), true)
    for (const text of ['', 'null', '[]', '"rcpt_1"', '{"id":"evt_1"}', '{"id":"rcpt_1"}\n{}', '{"header":{}}']) {
      assert.equal(looksLikeReceipt(text), false, text)
    }
  })
})
