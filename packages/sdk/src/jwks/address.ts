import { isIPv4, isIPv6 } from 'node:net'

/**
 * What kind of address this is, as far as it matters to a fetcher. `translated` are IPv6 forms that embed an IPv4
 * address (mapped, compatible, NAT64, 6to4, Teredo): refused whatever they embed. `metadata` are the fixed addresses of
 * cloud metadata services, also where they lie in public or private ranges.
 */
export type AddressClass =
  | 'public'
  | 'loopback'
  | 'private'
  | 'shared'
  | 'link-local'
  | 'multicast'
  | 'metadata'
  | 'translated'
  | 'reserved'
  | 'invalid'

type Range = readonly [network: string, prefixBits: number, name: AddressClass]

// IANA IPv4 special-purpose registry (RFC 6890). The first match counts.
const IPV4: readonly Range[] = [
  ['169.254.0.0', 16, 'link-local'],
  ['168.63.129.16', 32, 'metadata'], // Azure
  ['100.100.100.200', 32, 'metadata'], // Alibaba Cloud
  ['0.0.0.0', 8, 'reserved'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'shared'],
  ['127.0.0.0', 8, 'loopback'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'reserved'],
  ['192.0.2.0', 24, 'reserved'],
  ['192.88.99.0', 24, 'reserved'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'reserved'],
  ['198.51.100.0', 24, 'reserved'],
  ['203.0.113.0', 24, 'reserved'],
  ['224.0.0.0', 4, 'multicast'],
  ['240.0.0.0', 4, 'reserved'],
]

// IANA IPv6 special-purpose registry. Whatever is not 2000::/3 is not global unicast and falls to 'reserved'.
const IPV6: readonly Range[] = [
  ['fd00:ec2::', 32, 'metadata'], // AWS
  ['fd20:ce::254', 128, 'metadata'], // Google Cloud
  ['::1', 128, 'loopback'],
  ['::', 128, 'reserved'],
  ['::', 96, 'translated'], // IPv4-compatible, RFC 4291 section 2.5.5.1
  ['::ffff:0:0', 96, 'translated'], // IPv4-mapped
  ['::ffff:0:0:0', 96, 'translated'], // RFC 2765
  ['64:ff9b::', 96, 'translated'], // NAT64, RFC 6052
  ['64:ff9b:1::', 48, 'translated'], // RFC 8215
  ['2001::', 32, 'translated'], // Teredo
  ['2002::', 16, 'translated'], // 6to4
  ['2001::', 23, 'reserved'],
  ['2001:db8::', 32, 'reserved'],
  ['3fff::', 20, 'reserved'],
  ['fc00::', 7, 'private'],
  ['fe80::', 10, 'link-local'],
  ['fec0::', 10, 'private'],
  ['ff00::', 8, 'multicast'],
  ['2000::', 3, 'public'],
]

const V4_RANGES = IPV4.map(([network, bits, name]) => ({ network: parseIPv4(network), bits, name }))
const V6_RANGES = IPV6.map(([network, bits, name]) => ({ network: parseIPv6(network), bits, name }))

/** The class of an IP address in text form. Anything that is not one, or has a zone, is `invalid`. */
export function classifyAddress(address: string): AddressClass {
  if (isIPv4(address)) {
    const value = parseIPv4(address)
    return (
      V4_RANGES.find((range) => value >> BigInt(32 - range.bits) === range.network >> BigInt(32 - range.bits))?.name ??
      'public'
    )
  }
  if (isIPv6(address) && !address.includes('%')) {
    const value = parseIPv6(address)
    return (
      V6_RANGES.find((range) => value >> BigInt(128 - range.bits) === range.network >> BigInt(128 - range.bits))
        ?.name ?? 'reserved'
    )
  }
  return 'invalid'
}

/**
 * Whether an address is one of the public internet (J-02): not loopback, private, shared (CGNAT), link-local,
 * multicast, reserved, a cloud's metadata service, nor an IPv6 form that embeds an IPv4 address.
 */
export function isPublicAddress(address: string): boolean {
  return classifyAddress(address) === 'public'
}

/** Which addresses may be connected to. */
export type AddressRule = 'public' | 'private' | 'loopback'

/**
 * Whether a rule admits an address. `public` admits only public ones; `private` also private, shared and loopback
 * ones; `loopback` nothing but loopback. No rule admits link-local or metadata addresses.
 */
export function isAddressAllowed(address: string, rule: AddressRule): boolean {
  const name = classifyAddress(address)
  if (rule === 'loopback') return name === 'loopback'
  if (rule === 'private') return name === 'public' || name === 'private' || name === 'shared' || name === 'loopback'
  return name === 'public'
}

function parseIPv4(text: string): bigint {
  return text.split('.').reduce((value, octet) => (value << 8n) | BigInt(octet), 0n)
}

// The text has been found valid by node:net, so at most one "::" and a dotted quad only at the end.
function parseIPv6(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (dotted?.[1] !== undefined && dotted[2] !== undefined) {
    const low = parseIPv4(dotted[2])
    return parseIPv6(`${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`)
  }
  const [head = '', tail] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}
