import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { sampleEvent } from '../../../../test/support/audit.ts'
import { canonicalJson, type JsonObject } from '../lib/index.ts'
import { decodeEvent, encodeEvent, MAX_EVENT_BYTES, parseCanonicalObject } from './encode.ts'
import type { AuditEvent } from './types.ts'

const event = sampleEvent(7)

function textOf(body: Uint8Array): string {
  return Buffer.from(body).toString('utf8')
}

describe('encoding an event', () => {
  it('refuses more than 8 KiB, counted in bytes', () => {
    const room = MAX_EVENT_BYTES - encodeEvent({ ...event, data: { text: '' } }).length
    assert.equal(encodeEvent({ ...event, data: { text: 'x'.repeat(room) } }).length, MAX_EVENT_BYTES)
    assert.throws(() => encodeEvent({ ...event, data: { text: 'x'.repeat(room + 1) } }), TypeError)
    assert.throws(() => encodeEvent({ ...event, data: { text: 'ü'.repeat(room / 2 + 1) } }), TypeError)
  })

  it('refuses a lone surrogate in a value and in a name', () => {
    assert.throws(() => encodeEvent({ ...event, data: { text: 'a\ud800b' } }), TypeError)
    assert.throws(() => encodeEvent({ ...event, data: { deep: [{ '\udc00': 1 }] } }), TypeError)
  })

  it('refuses numbers and times that JSON does not have', () => {
    assert.throws(() => encodeEvent({ ...event, data: { n: Number.NaN } }), TypeError)
    assert.throws(() => encodeEvent({ ...event, data: { n: Number.POSITIVE_INFINITY } }), TypeError)
    assert.throws(() => encodeEvent({ ...event, at: new Date(Number.NaN) }), TypeError)
    assert.throws(() => encodeEvent({ ...event, at: new Date(Date.UTC(12_000, 0)) }), TypeError)
  })

  it('A-12: refuses ids, kinds, actors and outcomes that could forge a line or a member', () => {
    for (const text of ['', 'a b', 'a\nb', 'a"b', 'a\\b', 'a\u001b[31m', 'a\u202eb', 'ü', 'x'.repeat(257)]) {
      assert.throws(() => encodeEvent({ ...event, actor: text }), TypeError, text)
      assert.throws(() => encodeEvent({ ...event, workloadId: text }), TypeError, text)
      assert.throws(() => encodeEvent({ ...event, kind: text }), TypeError, text)
      assert.throws(() => encodeEvent({ ...event, id: text }), TypeError, text)
      assert.throws(() => encodeEvent({ ...event, outcome: text as AuditEvent['outcome'] }), TypeError, text)
    }
    assert.throws(() => encodeEvent({ ...event, kind: 'exchange' }), TypeError)
    assert.throws(() => encodeEvent({ ...event, id: 'ref_1' }), TypeError)
  })

  it('writes the canonical JSON of its members (RFC 8785)', () => {
    for (const workloadId of ['wl_7', undefined]) {
      const { workloadId: _, ...rest } = event
      const data = { b: 1e21, a: ['\u20ac\u0007"', -0, null], '\u0000': true }
      const text = textOf(encodeEvent({ ...rest, ...(workloadId && { workloadId }), data }))
      const members: JsonObject = {
        id: event.id,
        at: '2027-01-01T00:00:00.007Z',
        kind: event.kind,
        outcome: event.outcome,
        actor: event.actor,
        data,
        v: 1,
        ...(workloadId && { workload_id: workloadId }),
      }
      assert.equal(text, canonicalJson(members))
    }
  })

  it('gives back every event that it takes, with equal bytes', () => {
    const arbitrary = fc.record({
      id: fc.stringMatching(/^evt_[0-9a-z]{1,40}$/),
      at: fc.date({ min: new Date(0), max: new Date(Date.UTC(9999, 0)), noInvalidDate: true }),
      kind: fc.stringMatching(/^[a-z][a-z0-9_]{0,9}(\.[a-z][a-z0-9_]{0,9}){1,2}$/),
      outcome: fc.constantFrom<AuditEvent['outcome']>('allowed', 'denied', 'done', 'failed'),
      actor: fc.stringMatching(/^[!#-[\]-~]{1,60}$/),
      data: fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' })),
    })
    fc.assert(
      fc.property(arbitrary, (random) => {
        const input = { ...random, data: random.data as JsonObject }
        let body: Uint8Array
        try {
          body = encodeEvent(input)
        } catch (error) {
          fc.pre(false)
          throw error
        }
        const decoded = decodeEvent(body)
        assert.deepEqual(Buffer.from(encodeEvent(decoded)), Buffer.from(body))
        assert.deepEqual([decoded.id, decoded.at, decoded.actor], [input.id, input.at, input.actor])
      }),
    )
  })
})

describe('decoding an event', () => {
  it('refuses whatever encoding cannot have written', () => {
    const text = textOf(encodeEvent(event))
    for (const wrong of [
      '',
      'null',
      '[]',
      '{}',
      ` ${text}`,
      `${text}\n`,
      `\ufeff${text}`,
      text.replace('{', '{"a":1,'),
      text.replace('"v":1', '"v":2'),
      text.replace('"v":1', '"v":1,"v":1'),
      text.replace('"v":1,', ''),
      text.replace('"v":1', '"v":1.0'),
      text.replace('"denied"', '"maybe"'),
      text.replace('pol_1', '\\u0070ol_1'),
      text.replace('.007Z', '.007000Z'),
      text.replace('00:00:00.007Z', '25:00:00.007Z'),
      text.replace('"data":{', '"data":[{').replace('},"id"', '}],"id"'),
      text.replace('"workload_id":"wl_7"', '"workload_id":7'),
    ]) {
      assert.notEqual(wrong, text)
      assert.throws(() => decodeEvent(Buffer.from(wrong)), Error, wrong)
    }
    assert.throws(() => decodeEvent(Buffer.of(0xff)), TypeError)
    assert.throws(() => decodeEvent(Buffer.alloc(MAX_EVENT_BYTES + 1, ' ')), TypeError)
  })

  it('never throws anything but a TypeError or RangeError for random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.throws(() => decodeEvent(bytes), TypeError)
      }),
    )
  })

  it('calls text canonical only in its one spelling, however deep it is', () => {
    const deep = '{"a":'.repeat(20_000)
    for (const text of [
      '{"b":1,"a":2}',
      '{"a":1,"a":1}',
      '{ }',
      '{"a":1e0}',
      '{"a":"\\/"}',
      '"a"',
      deep,
      '{"a":"\\ud800"}',
    ]) {
      assert.equal(parseCanonicalObject(text), undefined)
    }
    assert.equal(parseCanonicalObject(`${deep}1${'}'.repeat(20_000)}`), undefined)
    assert.deepEqual(parseCanonicalObject('{"__proto__":1,"a":{"b":[]}}'), JSON.parse('{"__proto__":1,"a":{"b":[]}}'))
  })
})
