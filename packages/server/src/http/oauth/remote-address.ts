import type { FormRequest } from '../direct.ts'
import { createTrustedProxies, plainAddress } from './trusted-proxies.ts'

/** Finds the caller's address: the peer's, or what trusted proxies say of it. */
export type RemoteAddress = (request: Pick<FormRequest, 'peer' | 'forwardedFor'>) => string | undefined

/**
 * The address of the caller. `X-Forwarded-For` is believed only from a peer in `trustedProxies` (CIDR), and is walked from the right
 * past further trusted proxies: what a client writes on the left counts for nothing.
 */
export function createRemoteAddress(trustedProxies: readonly string[]): RemoteAddress {
  const isTrusted = createTrustedProxies(trustedProxies)
  return ({ peer: socketPeer, forwardedFor = '' }) => {
    const peer = plainAddress(socketPeer)
    if (peer === undefined || !isTrusted(peer)) return peer
    const hops = forwardedFor.split(',').map((hop) => plainAddress(hop.trim()))
    for (const hop of hops.reverse()) {
      // Something that is no address ends the walk: the nearest trusted proxy is all that is known.
      if (hop === undefined) return peer
      if (!isTrusted(hop)) return hop
    }
    return peer
  }
}
