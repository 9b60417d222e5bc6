import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isTimeZone, parseMinuteOfDay, timeWindowTest, windowInside } from './time-window.ts'
import type { TimeWindow } from './types.ts'

const OFFICE: TimeWindow = { days: ['mon', 'tue'], fromMinute: 480, toMinute: 1080, timeZone: 'Europe/Vienna' }

describe('time window', () => {
  for (const text of ['8:00', '08:60', '24:01', '25:00', '0800', '08:00 ', '', '-1:00', '08:00:00']) {
    test(`refuses ${JSON.stringify(text)} as a time of day`, () => assert.equal(parseMinuteOfDay(text), undefined))
  }
  test('takes midnight at both ends', () => {
    assert.equal(parseMinuteOfDay('00:00'), 0)
    assert.equal(parseMinuteOfDay('24:00'), 1440)
  })
  test('a zone that the runtime does not know contains nothing', () => {
    assert.equal(isTimeZone('Mars/Olympus'), false)
    const always = { days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], fromMinute: 0, toMinute: 1440 } as const
    assert.equal(timeWindowTest({ ...always, timeZone: 'Mars/Olympus' })(new Date('2026-11-24T12:00:00Z')), false)
    assert.equal(timeWindowTest({ ...always, timeZone: 'UTC' })(new Date('2026-11-24T12:00:00Z')), true)
  })
  test('an instant that is none is outside', () => {
    assert.equal(timeWindowTest(OFFICE)(new Date(Number.NaN)), false)
  })

  const outside: readonly (readonly [string, Partial<TimeWindow>])[] = [
    ['another time zone', { timeZone: 'UTC' }],
    ['a day more', { days: ['mon', 'wed'] }],
    ['an earlier begin', { fromMinute: 479 }],
    ['a later end', { toMinute: 1081 }],
  ]
  for (const [what, changes] of outside) {
    test(`a window with ${what} is not inside`, () =>
      assert.equal(windowInside({ ...OFFICE, ...changes }, OFFICE), false))
  }
  test('a window is inside itself, and with fewer days and hours', () => {
    assert.equal(windowInside(OFFICE, OFFICE), true)
    assert.equal(windowInside({ ...OFFICE, days: ['tue'], fromMinute: 481, toMinute: 1079 }, OFFICE), true)
  })
})
