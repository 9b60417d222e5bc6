/** The longest wait that a server is believed to ask for, in milliseconds. */
export const MAX_RETRY_AFTER_MS = 300_000

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const TIME = '(\\d{2}):(\\d{2}):(\\d{2})'
const MONTH = `(${MONTHS.join('|')})`
const IMF = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\\d{2}) ${MONTH} (\\d{4}) ${TIME} GMT$`)
const RFC_850 = new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\\d{2})-${MONTH}-(\\d{2}) ${TIME} GMT$`)
const ASCTIME = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${MONTH} ([ \\d]\\d) ${TIME} (\\d{4})$`)

/**
 * How long a Retry-After field asks to wait, in milliseconds: between 0 and {@link MAX_RETRY_AFTER_MS}. Seconds, or a date in any
 * of the three forms that RFC 9110 section 5.6.7 has recipients accept; undefined for everything else.
 */
export function parseRetryAfter(field: string | null, now: Date): number | undefined {
  if (field === null || field.length > 64) return undefined
  const text = field.trim()
  // RFC 9110 section 10.2.3: delay-seconds is digits, without sign, fraction or exponent.
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS)
  const at = parseHttpDate(text, now)
  if (at === undefined) return undefined
  return Math.min(Math.max(at - now.getTime(), 0), MAX_RETRY_AFTER_MS)
}

function parseHttpDate(text: string, now: Date): number | undefined {
  const imf = IMF.exec(text)
  if (imf) return instant(imf[3], imf[2], imf[1], imf.slice(4))
  const rfc850 = RFC_850.exec(text)
  if (rfc850) return instant(String(fullYear(Number(rfc850[3]), now)), rfc850[2], rfc850[1], rfc850.slice(4))
  const asctime = ASCTIME.exec(text)
  if (asctime) return instant(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6))
  return undefined
}

// RFC 9110 section 5.6.7: more than 50 years in the future means the most recent past year with the same last digits.
function fullYear(lastDigits: number, now: Date): number {
  const current = now.getUTCFullYear()
  const year = current - (current % 100) + lastDigits
  return year > current + 50 ? year - 100 : year
}

function instant(
  year: string | undefined,
  month: string | undefined,
  day: string | undefined,
  time: readonly string[],
): number | undefined {
  const [hours, minutes, seconds] = time.map(Number)
  const numbers = [Number(year), MONTHS.indexOf(month ?? ''), Number(day), hours, minutes, seconds]
  const [y = 0, m = 0, d = 0, h = 0, min = 0, s = 0] = numbers
  const date = new Date(Date.UTC(y, m, d, h, min, s))
  // 31 February and 25:61 roll over instead of failing; a leap second rolls over rightly.
  const holds = date.getUTCDate() === d || (h === 23 && min === 59 && s === 60)
  return holds && h < 24 && min < 60 && s <= 60 ? date.getTime() : undefined
}
