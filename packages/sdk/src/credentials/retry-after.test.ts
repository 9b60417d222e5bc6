import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_RETRY_AFTER_MS, parseRetryAfter } from './retry-after.ts'

// RFC 9110 section 5.6.7 gives this instant in all three forms.
const NOW = new Date(Date.UTC(1994, 10, 6, 8, 49, 7))

const REFUSED = [
  '',
  ' ',
  '-1',
  '+1',
  '1.5',
  '1e3',
  '0x10',
  '1 2',
  '1,2',
  'soon',
  'Infinity',
  'NaN',
  '1994-11-06T08:49:37Z',
  'Sun, 06 Nov 1994 08:49:37',
  'Sun, 06 Nov 1994 08:49:37 +0000',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Sun, 06 nov 1994 08:49:37 GMT',
  'Sun, 31 Feb 1994 08:49:37 GMT',
  'Sun, 00 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 24:00:00 GMT',
  'Sun, 06 Nov 1994 08:60:37 GMT',
  'Sun, 06 Nov 1994 08:49:61 GMT',
  'Sun, 06 Nov 1994 08:49:37 GMT; 5',
  `${' '.repeat(64)}5`,
]

for (const text of REFUSED) {
  test(`is no Retry-After: ${JSON.stringify(text)}`, () => {
    assert.equal(parseRetryAfter(text, NOW), undefined)
  })
}

test('seconds, and a date in the three forms of RFC 9110 section 5.6.7', () => {
  assert.equal(parseRetryAfter(null, NOW), undefined)
  assert.equal(parseRetryAfter('0', NOW), 0)
  assert.equal(parseRetryAfter(' 120 ', NOW), 120_000)
  for (const date of ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994']) {
    assert.equal(parseRetryAfter(date, NOW), 30_000, date)
  }
  assert.equal(parseRetryAfter('Saturday, 31-Dec-16 23:59:60 GMT', new Date(Date.UTC(2016, 11, 31, 23, 59, 58))), 2000)
})

test('a date that has passed is no wait, one far ahead the longest', () => {
  assert.equal(parseRetryAfter('Sun, 06 Nov 1994 08:00:00 GMT', NOW), 0)
  assert.equal(parseRetryAfter('Sun, 06 Nov 9994 08:00:00 GMT', NOW), MAX_RETRY_AFTER_MS)
  assert.equal(parseRetryAfter('9'.repeat(60), NOW), MAX_RETRY_AFTER_MS)
  // RFC 9110: a year of two digits that looks more than 50 years ahead is in the past.
  assert.equal(parseRetryAfter('Sunday, 06-Nov-45 08:49:37 GMT', NOW), 0)
})

test('whatever the field, the wait is none or between nothing and five minutes', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.bigInt().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  )
  fc.assert(
    fc.property(text, fc.date({ noInvalidDate: true }), (field, now) => {
      const waitMs = parseRetryAfter(field, now)
      assert.ok(waitMs === undefined || (waitMs >= 0 && waitMs <= MAX_RETRY_AFTER_MS))
    }),
  )
})

test('every date of the four-digit years is read as the instant that it is', () => {
  const instant = fc.date({
    min: new Date(Date.UTC(1900, 0, 1)),
    max: new Date(Date.UTC(9999, 11, 31)),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(instant, fc.integer({ min: 0, max: 299 }), (date, seconds) => {
      const now = new Date(Math.floor(date.getTime() / 1000) * 1000 - seconds * 1000)
      assert.equal(parseRetryAfter(date.toUTCString(), now), seconds * 1000)
    }),
  )
})
