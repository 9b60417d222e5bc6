import { isIPv4, isIPv6 } from 'node:net'

/** An IP address as a number; IPv4-mapped IPv6 addresses are IPv4, so that one host has one form. */
export interface Address {
  readonly family: 4 | 6
  readonly value: bigint
}

/** A range of addresses of one family, both ends inclusive. */
export interface AddressRange {
  readonly family: 4 | 6
  readonly first: bigint
  readonly last: bigint
}

const MAPPED = 0xffffn

function parseIPv4(text: string): bigint {
  return text.split('.').reduce((value, octet) => (value << 8n) | BigInt(octet), 0n)
}

function parseIPv6(text: string): bigint {
  const dotted = /^(.*:)([^:]*\.[^:]*)$/.exec(text)
  let plain = text
  if (dotted) {
    const low = parseIPv4(dotted[2] ?? '')
    plain = `${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`
  }
  const [head = '', tail] = plain.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}

/** Parses one address. @returns undefined for anything else, also for scoped addresses (`fe80::1%eth0`). */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: parseIPv4(text) }
  if (!isIPv6(text) || text.includes('%')) return undefined
  const value = parseIPv6(text)
  return value >> 32n === MAPPED ? { family: 4, value: value & 0xffffffffn } : { family: 6, value }
}

/**
 * Parses `192.0.2.0/24`, `2001:db8::/32`, or a single address. Bits below the prefix must be zero: `10.1.2.3/8` is more often
 * a slip than a wish for a sixteenth of the internet.
 * @returns undefined when the text is not exactly a range.
 */
export function parseCidr(text: string): AddressRange | undefined {
  const slash = text.indexOf('/')
  const addressText = slash === -1 ? text : text.slice(0, slash)
  const written = parseAddress(addressText)
  if (!written) return undefined
  // The prefix counts in the family that was written; a mapped range is moved to IPv4 with its prefix.
  const writtenBits = isIPv4(addressText) ? 32 : 128
  let prefix = writtenBits
  if (slash !== -1) {
    const prefixText = text.slice(slash + 1)
    if (!/^(0|[1-9][0-9]{0,2})$/.test(prefixText)) return undefined
    prefix = Number(prefixText)
  }
  if (prefix > writtenBits) return undefined
  if (written.family === 4 && writtenBits === 128) {
    if (prefix < 96) return undefined
    prefix -= 96
  }
  const bits = written.family === 4 ? 32 : 128
  const span = 1n << BigInt(bits - prefix)
  if (written.value % span !== 0n) return undefined
  return { family: written.family, first: written.value, last: written.value + span - 1n }
}

/** Whether the address lies in one of the ranges. Families never match each other. */
export function isInRanges(address: Address, ranges: readonly AddressRange[]): boolean {
  return ranges.some(
    (range) => range.family === address.family && range.first <= address.value && address.value <= range.last,
  )
}

/** Whether each inner range lies within one outer range. Exact for single ranges; a union of outer ranges is not joined. */
export function rangesInside(inner: readonly AddressRange[], outer: readonly AddressRange[]): boolean {
  return inner.every((range) =>
    outer.some((wide) => wide.family === range.family && wide.first <= range.first && range.last <= wide.last),
  )
}

/** Parses ranges that a schema has accepted. @returns undefined when one is not a range after all: then nothing matches. */
export function parseRanges(texts: readonly string[]): readonly AddressRange[] | undefined {
  const ranges: AddressRange[] = []
  for (const text of texts) {
    const range = parseCidr(text)
    if (!range) return undefined
    ranges.push(range)
  }
  return ranges
}
