import { BlockList, isIP } from 'node:net'

/** Whether an address, as {@link plainAddress} gives it, is that of a declared proxy. */
export type IsTrustedProxy = (address: string) => boolean

/** The proxies of `http.trustedProxies` (addresses and CIDR ranges, checked by the configuration); none when the list is empty. */
export function createTrustedProxies(ranges: readonly string[]): IsTrustedProxy {
  const trusted = new BlockList()
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    trusted.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  return (address) => ranges.length > 0 && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/**
 * IPv4-mapped IPv6 addresses name the IPv4 address; anything that is no address is undefined. A zone (`fe80::1%eth0`) is free text
 * of any length that `isIP` lets pass, and says nothing outside the host that wrote it.
 */
export function plainAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1]
  const address = (mapped ?? text).replace(/%.*$/s, '')
  return isIP(address) === 0 ? undefined : address
}
