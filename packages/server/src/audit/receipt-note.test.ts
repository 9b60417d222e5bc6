import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createTestSigner } from '../../../../test/support/audit.ts'
import { canonicalJson } from '../lib/index.ts'
import { parseVerifierKey, signNote } from './note.ts'
import { ORIGIN, sampleFacts } from './receipt.fixture.ts'
import { isSignedFor, parseReceiptJson, type ReceiptFacts, toReceiptJson, toSignedFacts } from './receipt-facts.ts'
import {
  formatReceiptText,
  openReceiptNote,
  parseReceiptText,
  receiptKeyName,
  signReceiptNote,
} from './receipt-note.ts'

const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => value.isWellFormed())
const instant = fc.date({ min: new Date(0), max: new Date(Date.UTC(9999, 11, 31)), noInvalidDate: true })
const facts: fc.Arbitrary<ReceiptFacts> = fc.record(
  {
    id: fc.stringMatching(/^rcpt_[0-9a-z]{1,40}$/),
    kind: fc.stringMatching(/^[a-z_]{1,40}$/),
    value: text,
    revision: fc.maxSafeNat(),
    reason: text,
    actor: text,
    committedAt: instant,
    effectiveEverywhereAt: instant,
    followers: fc.array(
      fc.record(
        {
          ...{ id: text, workloadId: text, service: text, leaseUntil: instant },
          confirmedAt: fc.option(instant, { nil: undefined }),
        },
        { noNullPrototype: true },
      ),
      { maxLength: 4 },
    ),
    services: fc.array(
      fc.record(
        {
          ...{ id: text, name: text, followers: fc.maxSafeNat() },
          mayAcceptUntil: fc.option(instant, { nil: undefined }),
          why: fc.constantFrom('followers', 'no_followers', 'last_known_good', 'server'),
        },
        { noNullPrototype: true },
      ),
      { maxLength: 4 },
    ),
    eventId: fc.stringMatching(/^evt_[0-9a-z]{1,40}$/),
    finalAt: fc.option(instant, { nil: undefined }),
  },
  { noNullPrototype: true },
)

describe('the facts of a receipt', () => {
  it('any other JSON is refused without an exception', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(parseReceiptJson(value as never), undefined)
      }),
    )
  })

  it('one member of another type, missing or added is refused', () => {
    const json = toReceiptJson(sampleFacts())
    for (const name of Object.keys(json)) {
      const { [name]: _gone, ...rest } = json
      assert.equal(parseReceiptJson(rest), undefined, `without ${name}`)
      assert.equal(parseReceiptJson({ ...json, [name]: { no: 1 } }), undefined, `${name} is an object`)
      assert.equal(parseReceiptJson({ ...json, [name]: true }), undefined, `${name} is true`)
    }
    assert.equal(parseReceiptJson({ ...json, more: null }), undefined)
    assert.equal(parseReceiptJson({ ...json, revision: 1.5 }), undefined)
    assert.equal(parseReceiptJson({ ...json, value: '\ud800' }), undefined)
  })

  it('come back from their JSON as they were', () => {
    fc.assert(
      fc.property(facts, (value) => {
        assert.deepEqual(parseReceiptJson(JSON.parse(JSON.stringify(toReceiptJson(value)))), value)
      }),
    )
  })

  it('A-06: signed facts are for those facts only, in every form in which they are signed', () => {
    fc.assert(
      fc.property(facts, facts, fc.constantFrom(0, 1, 2), (one, other, refusals) => {
        let left: number = refusals
        const signed = toSignedFacts(one, () => left-- <= 0)
        assert.equal(isSignedFor(signed, one), true)
        const same = canonicalJson(toReceiptJson(one)) === canonicalJson(toReceiptJson(other))
        assert.equal(isSignedFor(signed, other), same)
        assert.equal(isSignedFor({ ...signed, v: 2 }, one), false)
        assert.equal(isSignedFor({ ...signed, more: 1 }, one), false)
      }),
    )
    assert.throws(() => toSignedFacts(sampleFacts(), () => false), TypeError)
  })
})

describe('the note of a receipt', () => {
  const signer = createTestSigner(receiptKeyName(ORIGIN))
  const keys = [parseVerifierKey(signer.verifierKey)].flatMap((key) => key ?? [])
  const body = canonicalJson(toReceiptJson(sampleFacts()))

  it('has exactly two lines, of which the second is canonical JSON', () => {
    const good = formatReceiptText(ORIGIN, body)
    assert.ok(parseReceiptText(good))
    for (const bad of [
      '',
      '\n',
      `${ORIGIN}\n${body}\n`,
      `/receipts\n${body}\n`,
      `${ORIGIN}/receipts\n${body}`,
      `${ORIGIN}/receipts\n${body}\n\n`,
      `${ORIGIN}/receipts\n${body}\nmore\n`,
      `${ORIGIN}/receipts\n\n${body}\n`,
      `${ORIGIN}/receipts\n12\n`,
      `${ORIGIN}/receipts\n[]\n`,
      `${ORIGIN}/receipts\n ${body}\n`,
      `${ORIGIN}/receipts\n{"b":1,"a":2}\n`,
      `${ORIGIN}/receipts\n{"a":1,"a":1}\n`,
      `${ORIGIN}/receipts\r\n${body}\n`,
    ]) {
      assert.equal(parseReceiptText(bad), undefined, bad)
    }
  })

  it('parses nothing but what it formats', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (first, second) => {
        for (const candidate of [first, `${first}/receipts\n${second}\n`, formatReceiptText(first, second)]) {
          const parsed = parseReceiptText(candidate)
          if (parsed) assert.equal(formatReceiptText(parsed.origin, canonicalJson(parsed.facts)), candidate)
        }
      }),
    )
  })

  it('is opened with the key of its own log only', () => {
    const note = signReceiptNote(ORIGIN, body, signer)
    const opened = openReceiptNote(note, keys)
    assert.ok(opened.ok)
    assert.equal(opened.origin, ORIGIN)
    assert.equal(canonicalJson(opened.facts), body)
    assert.equal(openReceiptNote(note, []).ok, false)
    assert.throws(() => signReceiptNote('other.example/v1/audit', body, signer), TypeError)
    // A key that is trusted for one log's receipts signs those of another.
    const foreign = openReceiptNote(signNote(formatReceiptText('other.example/v1/audit', body), [signer]), keys)
    assert.deepEqual([foreign.ok, !foreign.ok && foreign.reason], [false, 'unknown_key'])
  })
})
