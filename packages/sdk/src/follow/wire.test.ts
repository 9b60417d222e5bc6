import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCountersignError } from '../errors.ts'
import { parseFeedPage, parseLeaseAnswer } from './wire.ts'

const at = '2026-11-25T02:24:35.000Z'
const entry = { revision: 2, kind: 'jti', value: 'j', up_to_revision: null, issued_before: null, at, expires_at: at }
const page = { after: 1, through: 3, tag: 't', head: 5, expired_up_to: at, entries: [entry], more: true }
const granted = { granted: true, head: 5, lease_seconds: 30, service_id: 'svc_a', on_unavailable: 'deny' }
const refused = { code: 'response_refused' }

test('an answer that is not exactly one of the three is refused', () => {
  const bad: unknown[] = [
    null,
    [],
    'granted',
    {},
    { ...granted, granted: 'true' },
    { ...granted, granted: 1 },
    { ...granted, head: undefined },
    { ...granted, head: 1.5 },
    { ...granted, head: -1 },
    { ...granted, head: '5' },
    { ...granted, lease_seconds: 0 },
    { ...granted, lease_seconds: -30 },
    { ...granted, lease_seconds: 86_401 },
    { ...granted, lease_seconds: '30' },
    { ...granted, lease_seconds: Number.NaN },
    { ...granted, lease_seconds: undefined },
    { ...granted, service_id: undefined },
    { ...granted, service_id: '' },
    { ...granted, service_id: 5 },
    { granted: false },
    { granted: false, reason: 'other' },
    { granted: false, reason: 'behind' },
    { granted: false, reason: 'behind', feed: null },
  ]
  for (const value of bad) assert.throws(() => parseLeaseAnswer(value), refused, JSON.stringify(value))
})

test('a page with a gap, an order or a kind that is not understood is refused whole: it must not count as applied', () => {
  const bad: unknown[] = [
    null,
    { ...page, after: undefined },
    { ...page, through: 2 ** 60 },
    { ...page, tag: 5 },
    { ...page, tag: 'x'.repeat(65) },
    { ...page, head: undefined },
    { ...page, expired_up_to: undefined },
    { ...page, expired_up_to: 'yesterday' },
    { ...page, expired_up_to: 0 },
    { ...page, entries: undefined },
    { ...page, entries: {} },
    { ...page, entries: [null] },
    { ...page, entries: [{ ...entry, kind: 'planet' }] },
    { ...page, entries: [{ ...entry, kind: '__proto__' }] },
    { ...page, entries: [{ ...entry, revision: 1 }] },
    { ...page, entries: [{ ...entry, revision: 4 }] },
    { ...page, entries: [{ ...entry, revision: 3 }, entry] },
    { ...page, entries: [{ ...entry, value: '' }] },
    { ...page, entries: [{ ...entry, value: 5 }] },
    { ...page, entries: [{ ...entry, value: 'x'.repeat(4097) }] },
    { ...page, entries: [{ ...entry, up_to_revision: '3' }] },
    { ...page, entries: [{ ...entry, expires_at: null }] },
    { ...page, entries: [{ ...entry, expires_at: '2026-13-01T00:00:00Z' }] },
    { ...page, entries: [{ ...entry, kind: 'issued_before' }] },
    { ...page, entries: [{ ...entry, issued_before: at }] },
  ]
  for (const value of bad) {
    assert.throws(() => parseFeedPage(value), refused, JSON.stringify(value))
    assert.throws(() => parseLeaseAnswer({ granted: false, reason: 'behind', feed: value }), refused)
  }
})

test('whatever a server sends is an answer or a typed refusal, and no message holds any of it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (value, inner) => {
      for (const sent of [
        value,
        { ...granted, head: inner },
        { granted: false, reason: 'behind', feed: { ...page, entries: [inner] } },
      ]) {
        try {
          parseLeaseAnswer(sent)
        } catch (error) {
          assert.ok(isCountersignError(error, 'response_refused'))
        }
      }
    }),
  )
})

test('the three answers are read as they are', () => {
  assert.deepEqual(parseLeaseAnswer(granted), {
    outcome: 'granted',
    head: 5,
    leaseMs: 30_000,
    serviceId: 'svc_a',
    onUnavailable: 'deny',
  })
  assert.deepEqual(parseLeaseAnswer({ granted: false, reason: 'history_changed' }), { outcome: 'history_changed' })
  const answer = parseLeaseAnswer({ granted: false, reason: 'behind', feed: page })
  assert.ok(answer.outcome === 'behind')
  assert.equal(answer.page.expiredUpToMs, Date.parse(at))
  assert.deepEqual(answer.page.entries, [
    { revision: 2, kind: 'jti', value: 'j', upToRevision: null, issuedBeforeMs: null, expiresAtMs: Date.parse(at) },
  ])
})

test('what a service does without a lease is deny, unless it says last-known-good in these words', () => {
  for (const said of [undefined, null, 'allow', 'Last-Known-Good', true]) {
    const answer = parseLeaseAnswer({ ...granted, on_unavailable: said })
    assert.ok(answer.outcome === 'granted' && answer.onUnavailable === 'deny')
  }
})
