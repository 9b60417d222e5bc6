import { createAuthorizedFetch } from './authorized-fetch.ts'
import { createClock } from './clock.ts'
import { createDpopBinding } from './dpop-binding.ts'
import { createExchange } from './exchange.ts'
import { readSettings } from './options.ts'
import { createTokenHolder } from './token-holder.ts'
import type { CredentialClient, CredentialClientOptions } from './types.ts'

/**
 * A client that gets tokens for one audience by exchanging the platform's proof, keeps them fresh, and sends them with `fetch`.
 * Nothing is asked of anybody before the first `token()` or `fetch()`. Nothing secret is logged or part of an error.
 *
 * @throws CountersignError configuration_invalid
 * @example
 * const orders = createCredentialClient({ server: 'https://sts.acme.example', audience: 'https://orders.acme.example' })
 * const response = await orders.fetch('https://orders.acme.example/orders')
 */
export function createCredentialClient(options: CredentialClientOptions): CredentialClient {
  const settings = readSettings(options)
  const { random = Math.random, keepFresh = false } = options
  const fetch: typeof globalThis.fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
  const clock = createClock(options)
  const dpop = settings.dpop ? createDpopBinding(clock.now) : undefined
  const holder = createTokenHolder({
    exchange: createExchange({ settings, requester: { fetch, clock, timeoutMs: settings.timeoutMs }, random, dpop }),
    clock,
    random,
    keepFresh,
    onToken: options.onToken ?? (() => undefined),
    onRefreshFailed: options.onRefreshFailed ?? (() => undefined),
  })
  return Object.freeze({
    token: holder.token,
    fetch: createAuthorizedFetch({ holder, origins: settings.origins, dpop, fetch, clock }),
    close: holder.close,
  })
}
