import { CountersignError } from '../errors.ts'
import type { Clock } from './clock.ts'
import type { DpopBinding } from './dpop-binding.ts'
import { type Call, redirected, toCall } from './resource-call.ts'
import type { TokenHolder } from './token-holder.ts'
import type { AccessToken } from './types.ts'

const MAX_REDIRECTS = 5
/** After a fresh token was refused like the one before it, none is asked for again so soon because of a 401. */
const FUTILE_MS = 5000

/** What an authorised fetch needs. */
export interface AuthorizedFetchDeps {
  readonly holder: TokenHolder
  readonly origins: ReadonlySet<string>
  readonly dpop: DpopBinding | undefined
  readonly fetch: typeof fetch
  readonly clock: Clock
}

/** A `fetch` that sends the token, to these origins and nowhere else. */
export function createAuthorizedFetch({ holder, origins, dpop, fetch, clock }: AuthorizedFetchDeps): typeof fetch {
  let futileSinceMs: number | undefined

  function authorize(call: Call, token: AccessToken): RequestInit {
    const headers = new Headers(call.headers)
    headers.set('authorization', `${token.tokenType} ${token.accessToken}`)
    headers.delete('dpop')
    if (dpop !== undefined) {
      headers.set('dpop', dpop.prove({ method: call.method, url: call.url, accessToken: token.accessToken }))
    }
    return {
      ...call.init,
      method: call.method,
      headers,
      body: call.body,
      redirect: call.redirect === 'error' ? 'error' : 'manual',
    }
  }

  async function send(call: Call, token: AccessToken): Promise<Response> {
    const before = dpop?.nonceFor(call.url)
    const response = await fetch(call.url, authorize(call, token))
    dpop?.noteNonce(call.url, response.headers)
    const hasNewNonce = dpop !== undefined && dpop.nonceFor(call.url) !== before
    // RFC 9449 section 9: the same request once more, with the nonce that the answer brought.
    if (!hasNewNonce || !isNonceDemand(response) || !call.isRepeatable) return response
    await response.body?.cancel()
    const second = await fetch(call.url, authorize(call, token))
    dpop?.noteNonce(call.url, second.headers)
    return second
  }

  async function sendWithFreshToken(call: Call, refused: AccessToken, response: Response): Promise<Response> {
    const ageMs = clock.monotonicMs() - (futileSinceMs ?? Number.NEGATIVE_INFINITY)
    if (ageMs >= 0 && ageMs < FUTILE_MS) return response
    let token: AccessToken
    try {
      token = await holder.replace(refused, call.signal)
    } catch {
      call.signal?.throwIfAborted()
      // The API's answer stands; whoever asks for a token next learns why there is none.
      return response
    }
    await response.body?.cancel()
    const second = await send(call, token)
    futileSinceMs = second.status === 401 ? clock.monotonicMs() : undefined
    return second
  }

  return async (input, init) => {
    let call = toCall(input, init)
    for (let redirects = 0; ; redirects++) {
      if (!origins.has(call.url.origin)) {
        throw new CountersignError('url_refused', {
          reason: 'the token is not for its origin; "origins" lists those it is for',
        })
      }
      const token = await holder.token(call.signal === undefined ? {} : { signal: call.signal })
      let response = await send(call, token)
      if (response.status === 401 && call.isRepeatable) response = await sendWithFreshToken(call, token, response)
      const next = redirects < MAX_REDIRECTS ? redirected(call, response) : undefined
      // Wherever else it leads, the token stays here.
      if (next === undefined || next.url.origin !== call.url.origin) return response
      await response.body?.cancel()
      call = next
    }
  }
}

function isNonceDemand(response: Response): boolean {
  return response.status === 401 && /\berror="?use_dpop_nonce"?/.test(response.headers.get('www-authenticate') ?? '')
}
