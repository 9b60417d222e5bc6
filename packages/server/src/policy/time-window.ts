import type { TimeWindow } from './types.ts'

/** The days as resource files name them, in the order of a week. */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** Parses `08:00` to `24:00` into minutes after midnight. @returns undefined when the text is no such time. */
export function parseMinuteOfDay(text: string): number | undefined {
  const match = /^([01][0-9]|2[0-4]):([0-5][0-9])$/.exec(text)
  if (!match) return undefined
  const minute = Number(match[1]) * 60 + Number(match[2])
  return minute <= 1440 ? minute : undefined
}

/** Whether this runtime knows the IANA time zone. Offsets such as `+02:00` are refused: they do not follow daylight saving. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** A test of an instant against a window. A window that cannot be computed contains nothing. */
export function timeWindowTest(window: TimeWindow): (now: Date) => boolean {
  if (!isTimeZone(window.timeZone)) return () => false
  const clock = new Intl.DateTimeFormat('en-US', {
    timeZone: window.timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const days = new Set<string>(window.days)
  return (now) => {
    if (Number.isNaN(now.getTime())) return false
    const parts = new Map(clock.formatToParts(now).map((part) => [part.type, part.value]))
    const minute = Number(parts.get('hour')) * 60 + Number(parts.get('minute'))
    const day = parts.get('weekday')?.toLowerCase() ?? ''
    return days.has(day) && minute >= window.fromMinute && minute < window.toMinute
  }
}

/** Whether every instant of `inner` lies in `outer`; provable only within one time zone. */
export function windowInside(inner: TimeWindow, outer: TimeWindow): boolean {
  return (
    inner.timeZone === outer.timeZone &&
    inner.days.every((day) => outer.days.includes(day)) &&
    inner.fromMinute >= outer.fromMinute &&
    inner.toMinute <= outer.toMinute
  )
}
