import { BlockList, isIP } from 'node:net'
import type { FormRequest } from '../direct.ts'

/** Finds the caller's address: the peer's, or what trusted proxies say of it. */
export type RemoteAddress = (request: Pick<FormRequest, 'peer' | 'forwardedFor'>) => string | undefined

/**
 * The address of the caller. `X-Forwarded-For` is believed only from a peer in `trustedProxies` (CIDR), and is walked from the right
 * past further trusted proxies: what a client writes on the left counts for nothing.
 */
export function createRemoteAddress(trustedProxies: readonly string[]): RemoteAddress {
  const trusted = new BlockList()
  for (const range of trustedProxies) {
    const [address = '', prefix] = range.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    trusted.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  const isTrusted = (address: string) => trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  return ({ peer: socketPeer, forwardedFor = '' }) => {
    const peer = plainAddress(socketPeer)
    if (peer === undefined || trustedProxies.length === 0 || !isTrusted(peer)) return peer
    const hops = forwardedFor.split(',').map((hop) => plainAddress(hop.trim()))
    for (const hop of hops.reverse()) {
      // Something that is no address ends the walk: the nearest trusted proxy is all that is known.
      if (hop === undefined) return peer
      if (!isTrusted(hop)) return hop
    }
    return peer
  }
}

/**
 * IPv4-mapped IPv6 addresses name the IPv4 address; anything that is no address is undefined. A zone (`fe80::1%eth0`) is free text
 * of any length that `isIP` lets pass, and says nothing outside the host that wrote it.
 */
function plainAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1]
  const address = (mapped ?? text).replace(/%.*$/s, '')
  return isIP(address) === 0 ? undefined : address
}
