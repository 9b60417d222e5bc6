import { CountersignError } from '../errors.ts'
import { parseStrictJsonObject } from '../jws/index.ts'
import { AnswerError } from './answer-error.ts'
import { parseCredentialUrl } from './credential-url.ts'
import type { Settings } from './options.ts'
import { type Requester, send } from './request.ts'
import { parseRetryAfter } from './retry-after.ts'

/** Where to exchange. */
export interface TokenEndpoint {
  /** @throws CountersignError exchange_unavailable, discovery_invalid */
  locate(signal: AbortSignal, timeoutMs: number): Promise<URL>
  /** What was found did not answer as a token endpoint does: the metadata is read anew the next time. */
  forget(): void
}

/**
 * The token endpoint as the server's metadata names it (RFC 8414), read once. The metadata must be of exactly this issuer (section 3.3)
 * and the endpoint on its origin: a proof goes there.
 */
export function createTokenEndpoint(
  { server, issuer, tokenEndpoint }: Pick<Settings, 'server' | 'issuer' | 'tokenEndpoint'>,
  requester: Requester,
): TokenEndpoint {
  let found: URL | undefined

  async function discover(signal: AbortSignal, timeoutMs: number): Promise<URL> {
    // RFC 8414 section 3.1: the well-known part goes between host and path.
    const path = server.pathname.replace(/\/$/, '')
    const answer = await send(
      { ...requester, timeoutMs },
      {
        url: new URL(`${server.origin}/.well-known/oauth-authorization-server${path}`),
        init: { headers: { accept: 'application/json' } },
        codes: { unavailable: 'exchange_unavailable', refused: 'discovery_invalid' },
        signal,
      },
    )
    const { status, headers, body } = answer
    if (status === 429 || status >= 500) {
      const cause = new AnswerError(
        status,
        undefined,
        parseRetryAfter(headers.get('retry-after'), requester.clock.now()),
      )
      throw new CountersignError('exchange_unavailable', { reason: `no metadata: ${cause.message}`, cause })
    }
    if (status !== 200) throw invalid('the server has none at its well-known address')
    if (!/^application\/json *(?:;|$)/i.test(headers.get('content-type') ?? '')) throw invalid('its type is not JSON')
    const metadata = parseStrictJsonObject(body, { malformed: 'discovery_invalid', tooLarge: 'discovery_invalid' })
    if (metadata['issuer'] !== issuer) throw invalid('it is of another issuer')
    const named = metadata['token_endpoint']
    const url = typeof named === 'string' ? parseCredentialUrl(named) : undefined
    if (url?.origin !== server.origin || url.hash !== '')
      throw invalid('it names no token endpoint on the origin of the issuer')
    return url
  }

  return {
    async locate(signal, timeoutMs) {
      found = tokenEndpoint ?? found ?? (await discover(signal, timeoutMs))
      return found
    },
    forget() {
      found = undefined
    },
  }
}

function invalid(reason: string): CountersignError {
  return new CountersignError('discovery_invalid', { reason })
}
